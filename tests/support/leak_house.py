"""The whole gateway behind the real server and before the real doors outside, with a cloud that keeps every byte.

Only the device's model is a fake. One house runs in a thread, for blocking clients; three doors lead into it, one for
each privacy mode.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

import httpx
import msgspec

from support.canaries import TERM
from support.far_sides import DONE, USAGE, Json, chunk, claude
from support.gateways import EMBEDDER, NEAR, FakeEmbedder, ScriptedBackend
from support.scripted_cloud import Cloud, Heard, Reply, scripted_cloud
from support.serving import a_service, served
from tandem.app.deciding import senses
from tandem.backends.breaker import BreakerRules
from tandem.backends.door import Patience
from tandem.backends.provider import Retries, Temper
from tandem.backends.providers import ModelRow, Options, ProviderRow, open_providers
from tandem.core.errors import Busy, ContextLengthExceeded, TandemError, WorkerDied
from tandem.gateway import Books, Gateway, Names, Near, Rules
from tandem.routing.guards import PrivacyMode, Protection
from tandem.routing.private import Detector
from tandem.routing.reading import read_policies

MODES: tuple[PrivacyMode, ...] = ("lock", "redact", "block")
POLICIES = ("auto", "auto:local-first", "auto:cloud-first", "auto:by-task", "auto:eager", "auto:only-far")
MODELS = (*POLICIES, "large", "claude", "gpt-4o", "quick")
"""Every kind of name: policies, models of two dialects, an alias of a model and one of a policy."""
DEVICE: dict[str, TandemError | None] = {
    "well": None,
    "dead": WorkerDied("The process ended."),
    "full": Busy("The queue is full.", retry_after_seconds=1),
    "too long": ContextLengthExceeded("Too long.", param="messages"),
}
CLOUD = ("well", "500", "400", "cut", "stall")
_OPTIONS = Options(
    patience=Patience(first_token_seconds=3, silence_seconds=0.5, whole_seconds=3),
    temper=Temper(retries=Retries(times=0), breaker=BreakerRules(failures=10**9)),
)
_TABLE = {
    "eager": {"rules": ["DeviceFirst", "CheapestFirst", {"rule": "HardGoesUp", "above": 0.0}, "StayWarm"]},
    "only-far": {"models": ["large", "claude"], "rules": ["CloudFirst"]},
}


@dataclass(repr=False)
class LeakHouse:
    """``urls`` by mode. ``near`` and ``cloud_is`` are set before each request; ``ever`` is all that ever arrived."""

    cloud: Cloud
    urls: dict[str, str] = field(default_factory=dict[str, str])
    near: ScriptedBackend = field(default_factory=lambda: ScriptedBackend(NEAR))
    cloud_is: str = "well"
    installed: bool = True
    gateways: dict[str, Gateway] = field(default_factory=dict[str, Gateway])
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20, trust_env=False, verify=False))

    def be(self, *, device: str = "well", cloud: str = "well") -> None:
        """Set how both sides are for the next request, and forget what arrived so far."""
        self.near.refuses = DEVICE.get(device)
        self.near.breaks = WorkerDied("It ended.") if device == "dies later" else None
        self.installed = device != "absent"
        self.cloud_is = cloud
        self.near.asked.clear()
        self.cloud.received.clear()
        self.cloud.requests.clear()

    def reply(self, heard: Heard) -> Reply:
        """What the cloud says: it quotes the last thing that it was told."""
        if self.cloud_is in {"500", "400"}:
            return Reply.json(b'{"error":{"message":"no"}}', int(self.cloud_is))
        asked = msgspec.json.decode(heard.body, type=_Asked)
        quote = _last_words(asked)
        if heard.path.endswith("/messages"):
            whole, events = _claude_said(quote)
        else:
            whole, events = _openai_said(quote, plain=heard.path.endswith("/v1/completions"))
        said = Reply.events(events, sizes=7) if asked.stream else Reply.json(whole)
        match self.cloud_is:
            case "cut":
                return replace(said, cut_after=len(said.pieces) // 2)
            case "stall" if asked.stream:
                return replace(said, stall_after=len(said.pieces) // 2)
            case _:
                return said


@contextmanager
def leak_house(alter: Callable[[Gateway], None] = lambda _: None) -> Generator[LeakHouse]:
    """Run the house. ``alter`` may break a gateway, to see that the tests find it."""
    ready, stop = threading.Event(), asyncio.Event()
    made: list[tuple[LeakHouse, asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        async with _running(alter) as house:
            made.append((house, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(30), "the house did not start"
    house, loop = made[0]
    send(house, "lock", "/v1/chat/completions", {"model": "small", "messages": [{"role": "user", "content": "Hi"}]})
    try:
        yield house
    finally:
        house.client.close()
        loop.call_soon_threadsafe(stop.set)
        thread.join(15)


@asynccontextmanager
async def _running(alter: Callable[[Gateway], None]) -> AsyncGenerator[LeakHouse]:
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(scripted_cloud(Reply()))
        house = LeakHouse(cloud)
        cloud.script = house.reply
        for mode in MODES:
            gateway = await stack.enter_async_context(_gateway(house, mode))
            alter(gateway)
            service = a_service(gateway, embedder=gateway, directory=gateway)
            house.gateways[mode] = gateway
            house.urls[mode] = await stack.enter_async_context(served(service))
        yield house


@asynccontextmanager
async def _gateway(house: LeakHouse, mode: PrivacyMode) -> AsyncGenerator[Gateway]:
    shield = Protection(mode=mode)
    policies, mistakes = read_policies(_TABLE, shield)
    assert not mistakes
    detector = Detector(terms=(TERM,))
    price = replace(
        ModelRow(provider="acme"), usd_per_million_input_tokens=Decimal(1), usd_per_million_output_tokens=Decimal(2)
    )
    far = open_providers(
        [
            ProviderRow(name="acme", kind="openai", base_url=f"{house.cloud.url}/v1", place="cloud"),
            ProviderRow(name="other", kind="anthropic", base_url=f"{house.cloud.url}/v1", key_env="K", place="cloud"),
        ],
        [
            replace(price, id="large", tasks=("code",)),
            replace(price, provider="other", id="claude"),
        ],
        environ_lookup=lambda _: "a-key",
        options=_OPTIONS,
    )
    async with far as providers:
        yield Gateway(
            near=Near(
                cards=lambda: [replace(NEAR, installed=house.installed), EMBEDDER],
                backend=lambda _: house.near,
                embedder=FakeEmbedder(),
            ),
            far=providers.backends,
            names=Names(
                default_model="small",
                default_embedder="words",
                aliases={"gpt-4o": "large", "quick": "auto:cloud-first"},
            ),
            rules=Rules(policies=policies, protection=shield, senses=senses(detector), detector=detector),
            books=Books(),
        )


def send(
    house: LeakHouse, mode: str, path: str, body: Mapping[str, object], headers: Iterable[tuple[str, str]] = ()
) -> httpx.Response:
    """Send one request and read its whole answer, whatever it is."""
    return house.client.post(house.urls[mode] + path, json=dict(body), headers=dict(headers))


class _Turn(msgspec.Struct):
    content: str | list[dict[str, object]] | None = None


class _Asked(msgspec.Struct):
    messages: list[_Turn] = []
    prompt: str = ""
    stream: bool = False


def _last_words(asked: _Asked) -> str:
    content = asked.messages[-1].content if asked.messages else asked.prompt
    return content if isinstance(content, str) else str((content or [{}])[-1].get("text", ""))


def _openai_said(text: str, *, plain: bool) -> tuple[bytes, bytes]:
    choice: Json = {"text": text} if plain else {"message": {"role": "assistant", "content": text}}
    usage: Json = {"prompt_tokens": 3, "completion_tokens": 2}
    whole = msgspec.json.encode({"choices": [{"index": 0, "finish_reason": "stop", **choice}], "usage": usage})
    if plain:
        said = msgspec.json.encode({"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]})
        return whole, b"data: " + said + b"\n\n" + USAGE + DONE
    pieces = b"".join(chunk({"content": text[at : at + 3]}) for at in range(0, len(text), 3))
    return whole, pieces + chunk(finish="stop") + USAGE + DONE


def _claude_said(text: str) -> tuple[bytes, bytes]:
    usage: Json = {"input_tokens": 3, "output_tokens": 2}
    message: Json = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "usage": usage}
    whole = msgspec.json.encode(
        {**message, "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None}
    )
    deltas: list[Json] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text[at : at + 3]}}
        for at in range(0, len(text), 3)
    ]
    return whole, claude(
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    )
