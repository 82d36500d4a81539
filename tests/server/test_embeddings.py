"""Embeddings, read by the real openai client, which asks for base64 by itself."""

import asyncio
import struct
from base64 import b64decode
from typing import Any

import openai
import pytest

from support.clients import asking, calling
from support.fakes import FakeEmbedder
from support.serving import a_service


def test_numbers_and_bytes_are_the_same_vectors_to_the_last_bit() -> None:
    async def main() -> None:
        async with asking(a_service()) as client:
            as_bytes = await client.embeddings.create(model="vectors", input=["abc", "d"])
            as_numbers = await client.embeddings.create(model="vectors", input=["abc", "d"], encoding_format="float")
        exact = [list(struct.unpack("<4f", struct.pack("<4f", length, 0.25, -0.5, 0.1))) for length in (3.0, 1.0)]
        assert [one.embedding for one in as_bytes.data] == exact
        assert [one.embedding for one in as_numbers.data] == exact
        assert [one.index for one in as_numbers.data] == [0, 1]
        assert as_numbers.usage.prompt_tokens == as_numbers.usage.total_tokens == 4
        assert as_numbers.model == "vectors"

    asyncio.run(main())


def test_base64_holds_little_endian_floats() -> None:
    async def main() -> None:
        async with calling(a_service()) as client:
            answer = await client.post(
                "/v1/embeddings", json={"model": "vectors", "input": "abc", "encoding_format": "base64"}
            )
        raw = b64decode(answer.json()["data"][0]["embedding"], validate=True)
        assert raw == struct.pack("<4f", 3, 0.25, -0.5, 0.1)
        assert answer.headers["x-tandem-model"] == "vectors"
        assert answer.headers["x-tandem-place"] == "device"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("abc", ("abc",)),
        (["a", "b"], ("a", "b")),
        ([1, 2, 3], ((1, 2, 3),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
        (["x"] * 2048, ("x",) * 2048),
    ],
    ids=["text", "texts", "tokens", "lists of tokens", "the most"],
)
def test_every_form_of_input_is_read(given: list[str], inputs: tuple[Any, ...]) -> None:
    async def main() -> None:
        embedder = FakeEmbedder()
        async with asking(a_service(embedder=embedder)) as client:
            await client.embeddings.create(model="vectors", input=given, dimensions=3)
        assert embedder.asked[0].inputs == inputs
        assert embedder.asked[0].dimensions == 3

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 5]}, "input"),
        ({"input": ["a", [5]]}, "input"),
        ({"input": [[5], []]}, "input[1]"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": [True]}, "input[0]"),
        ({"input": None}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"model": "scripted"}, "model"),
    ],
)
def test_what_is_wrong_is_refused_and_named(fields: dict[str, Any], param: str) -> None:
    async def main() -> None:
        async with asking(a_service()) as client:
            with pytest.raises(openai.BadRequestError) as refused:
                await client.embeddings.create(model="vectors", input="x", extra_body=fields)
        assert refused.value.param == param

    asyncio.run(main())
