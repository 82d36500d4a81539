"""The least that a gateway of Python can be: ``python -m bench.overhead_pass UPSTREAM-URL PORT``.

Starlette, aiohttp and uvicorn, one route, bytes in and bytes out. It checks no key, keeps no book and decides nothing.
"""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def application(upstream: str) -> Starlette:
    """The pass-through to one address."""
    pools: list[aiohttp.ClientSession] = []

    async def forward(request: Request) -> Response:
        headers = {"content-type": "application/json"}
        answer = await pools[0].post(f"{upstream}/chat/completions", data=await request.body(), headers=headers)
        if answer.content_type == "text/event-stream":
            return StreamingResponse(answer.content.iter_any(), media_type="text/event-stream")
        return Response(await answer.read(), answer.status, media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as pool:
            pools.append(pool)
            yield

    return Starlette(routes=[Route("/v1/chat/completions", forward, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), log_level="error", access_log=False)
