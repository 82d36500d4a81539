"""Clients of our server: the real openai ones, and a raw socket for what they would not send."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
from openai.types.chat import ChatCompletionMessageParam

from support.serving import served
from tandem.server.service import Service

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hi"}]},
    "/v1/completions": {"prompt": "Hi"},
    "/v1/responses": {"input": "Hi"},
    "/v1/messages": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9},
}
"""The same short question in every dialect, without its model."""
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Who is there?"}]


@asynccontextmanager
async def asking(service: Service, key: str = "none") -> AsyncGenerator[openai.AsyncOpenAI]:
    """The asynchronous openai client of a server that runs as long as the block."""
    async with (
        served(service) as address,
        openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, timeout=20) as client,
    ):
        yield client


@asynccontextmanager
async def calling(service: Service) -> AsyncGenerator[httpx.AsyncClient]:
    """A plain HTTP client of a server that runs as long as the block."""
    async with served(service) as address, httpx.AsyncClient(base_url=address, timeout=20) as client:
        yield client


async def sent(address: str, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raw bytes on a new connection."""
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(request)
    await writer.drain()
    return reader, writer


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """A request as it stands on the wire."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body
