"""The dialects that keep state or speak Anthropic's tongue, on a real socket, with their real clients."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from anthropic import AsyncAnthropic
from anthropic.types import MessageParam, ToolParam
from openai import AsyncOpenAI

from support.fakes import CHAT_CARD, EMBEDDING_CARD, FakeDirectory, ScriptedResponder, Step
from support.serving import a_service, served
from tandem.core.chat import Usage
from tandem.core.models import ModelCard

THINKER = ModelCard(
    id="thinker",
    kind="chat",
    place="device",
    context_tokens=4096,
    source="test",
    installed=True,
    abilities=frozenset({"reasoning", "tools"}),
)

USAGE = Usage(prompt_tokens=3, completion_tokens=2)
QUESTION: list[MessageParam] = [{"role": "user", "content": "Hi"}]
LOOK: ToolParam = {
    "name": "look",
    "description": "Look somewhere.",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server, its clients, and what stands behind it."""

    address: str
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic
    responder: ScriptedResponder


@asynccontextmanager
async def speaking(script: Sequence[Step] | None = None, *, path: Path | None = None) -> AsyncGenerator[Served]:
    """Serve over a scripted responder, with the store of responses at ``path`` (``None``: in memory)."""
    responder = ScriptedResponder() if script is None else ScriptedResponder(script=script)
    directory = FakeDirectory(listed=(CHAT_CARD, THINKER, EMBEDDING_CARD))
    async with (
        served(replace(a_service(responder, directory=directory), store=path)) as address,
        AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as openai,
        AsyncAnthropic(base_url=address, api_key="none", max_retries=0) as anthropic,
    ):
        yield Served(address=address, openai=openai, anthropic=anthropic, responder=responder)


def against(
    work: Callable[[Served], Awaitable[None]], script: Sequence[Step] | None = None, path: Path | None = None
) -> None:
    """Run ``work`` against a server that answers with ``script``."""

    async def main() -> None:
        async with speaking(script, path=path) as there:
            await work(there)

    asyncio.run(main())
