"""The list of models, read by the real openai client."""

import asyncio
from dataclasses import replace

import openai
import pytest

from support.clients import asking
from support.fakes import CHAT_CARD, FakeDirectory
from support.serving import a_service

SLASHED = replace(CHAT_CARD, id="org/model:7b@v1", name="A model", place="cloud", source="openrouter")


def test_models_are_listed_in_order_with_what_is_known_about_them() -> None:
    async def main() -> None:
        async with asking(a_service(directory=FakeDirectory([CHAT_CARD, SLASHED]))) as client:
            listed = [model async for model in client.models.list()]
        assert [(model.id, model.object, model.owned_by) for model in listed] == [
            ("scripted", "model", "tandem"),
            ("org/model:7b@v1", "model", "openrouter"),
        ]
        assert listed[0].created == 1_700_000_000
        assert listed[1].model_extra is not None
        assert listed[1].model_extra["place"] == "cloud"

    asyncio.run(main())


def test_one_model_is_found_by_an_id_with_slashes_and_colons_or_by_an_alias() -> None:
    async def main() -> None:
        directory = FakeDirectory([SLASHED], aliases={"phi-4-mini": SLASHED.id})
        async with asking(a_service(directory=directory)) as client:
            assert (await client.models.retrieve(SLASHED.id)).id == SLASHED.id
            assert (await client.models.retrieve("phi-4-mini")).id == "phi-4-mini"
            with pytest.raises(openai.NotFoundError) as unknown:
                await client.models.retrieve("gpt-9")
            assert unknown.value.code == "model_not_found"

    asyncio.run(main())
