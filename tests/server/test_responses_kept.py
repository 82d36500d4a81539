"""What is kept of a response, continued and deleted, as the real `openai` client sees it."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
from openai.types.responses import ResponseCompletedEvent, ResponseOutputMessage

from support.dialects import USAGE, Served, against
from support.fakes import STARTED
from tandem.core.chat import Finished, TextDelta


def test_a_response_is_kept_as_its_last_event_told_it() -> None:
    async def work(there: Served) -> None:
        stream = await there.openai.responses.create(model="scripted", input="Hi", stream=True)
        last = [event async for event in stream][-1]
        assert last.type == "response.completed"
        assert await there.openai.responses.retrieve(last.response.id) == last.response

    against(work)


def test_instructions_are_not_carried_over_and_earlier_turns_are() -> None:
    async def work(there: Served) -> None:
        ask = there.openai.responses.create
        first = await ask(model="scripted", input="One", instructions="In French.")
        second = await ask(model="scripted", input="Two", previous_response_id=first.id)
        third = await ask(model="scripted", input="Three", previous_response_id=second.id, instructions="In Polish.")
        assert third.instructions == "In Polish."
        assert [(message.role, message.content) for message in there.responder.asked[2].messages] == [
            ("system", "In Polish."),
            ("user", "One"),
            ("assistant", "Hello there"),
            ("user", "Two"),
            ("assistant", "Hello there"),
            ("user", "Three"),
        ]

    against(work)


def test_a_conversation_outlives_the_server(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite3"
    ids: list[str] = []

    async def before(there: Served) -> None:
        ids.append((await there.openai.responses.create(model="scripted", input="One")).id)

    async def after(there: Served) -> None:
        await there.openai.responses.create(model="scripted", input="Two", previous_response_id=ids[0])
        assert [message.content for message in there.responder.asked[0].messages] == ["One", "Hello there", "Two"]

    against(before, path=path)
    against(after, path=path)


def test_what_is_not_to_be_stored_is_nowhere(tmp_path: Path) -> None:
    async def work(there: Served) -> None:
        response = await there.openai.responses.create(model="scripted", input="A secret.", store=False)
        with pytest.raises(openai.NotFoundError):
            await there.openai.responses.retrieve(response.id)
        with pytest.raises(openai.BadRequestError) as refused:
            await there.openai.responses.create(model="scripted", input="And?", previous_response_id=response.id)
        assert refused.value.code == "previous_response_not_found"

    against(work, path=tmp_path / "r.sqlite3")
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_deleted_response_is_gone_and_so_is_what_follows_from_it(tmp_path: Path) -> None:
    async def work(there: Served) -> None:
        responses = there.openai.responses
        first = await responses.create(model="scripted", input="A secret.")
        second = await responses.create(model="scripted", input="Two", previous_response_id=first.id)
        await responses.delete(first.id)
        for gone in (responses.retrieve(first.id), responses.delete(first.id), responses.input_items.list(first.id)):
            with pytest.raises(openai.NotFoundError):
                await gone
        with pytest.raises(openai.BadRequestError, match=f"needs '{first.id}', which was deleted"):
            await responses.create(model="scripted", input="Three", previous_response_id=second.id)
        assert (await responses.retrieve(second.id)).output_text == "Hello there"
        left = [item async for item in responses.input_items.list(second.id)]
        assert [item.id.startswith("msg_") for item in left] == [True]

    against(work, path=tmp_path / "r.sqlite3")
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_the_items_behind_a_response_are_listed_page_by_page() -> None:
    async def work(there: Served) -> None:
        responses = there.openai.responses
        first = await responses.create(model="scripted", input="One")
        second = await responses.create(
            model="scripted",
            previous_response_id=first.id,
            input=[{"role": "user", "content": "Two"}, {"role": "user", "content": "Three"}],
        )
        page = await responses.input_items.list(second.id, limit=3, order="asc")
        assert page.has_more
        everything = [item async for item in page]
        assert len(everything) == 4
        texts = [cast("ResponseOutputMessage", item).content[0] for item in everything]
        assert [part.text for part in texts if part.type != "refusal"] == ["One", "Hello there", "Two", "Three"]
        newest_first = [item.id async for item in responses.input_items.list(second.id)]
        assert newest_first == [item.id for item in reversed(everything)]
        for wrong in ({"limit": 0}, {"limit": 101}, {"after": "msg_nowhere"}, {"order": "sideways"}):
            with pytest.raises(openai.BadRequestError) as refused:
                await responses.input_items.list(second.id, **cast("Any", wrong))
            assert refused.value.param == next(iter(wrong))

    against(work)


def test_an_item_can_be_named_instead_of_sent() -> None:
    async def work(there: Served) -> None:
        responses = there.openai.responses
        first = await responses.create(model="scripted", input="One")
        named: Any = {"type": "item_reference", "id": first.output[0].id}
        await responses.create(model="scripted", input=[named, {"role": "user", "content": "Two"}])
        assert [message.content for message in there.responder.asked[1].messages] == ["Hello there", "Two"]
        with pytest.raises(openai.NotFoundError) as refused:
            await responses.create(model="scripted", input=[{"type": "item_reference", "id": "msg_nowhere"}])
        assert refused.value.param == "input"

    against(work)


def test_ids_that_name_nothing_are_not_found() -> None:
    async def work(there: Served) -> None:
        async with httpx.AsyncClient() as client:
            for path in ("resp_nowhere", "%00", "..%2f", "resp_%ff", "x" * 5000):
                for method in ("GET", "DELETE"):
                    answer = await client.request(method, f"{there.address}/v1/responses/{path}")
                    assert (path, answer.status_code) == (path, 404)
                    assert answer.json()["error"]["type"] == "invalid_request_error"

    against(work)


def test_a_complete_response_can_be_neither_cancelled_nor_streamed_again() -> None:
    async def work(there: Served) -> None:
        response = await there.openai.responses.create(model="scripted", input="Hi")
        with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
            await there.openai.responses.cancel(response.id)
        with pytest.raises(openai.NotFoundError):
            await there.openai.responses.cancel("resp_nowhere")
        with pytest.raises(openai.BadRequestError) as refused:
            await there.openai.responses.retrieve(response.id, stream=True)
        assert refused.value.param == "stream"

    against(work)


def test_a_store_that_cannot_be_used_is_known_before_the_model_is_asked(tmp_path: Path) -> None:
    async def work(there: Served) -> None:
        with pytest.raises(openai.InternalServerError, match='"store": false'):
            await there.openai.responses.create(model="scripted", input="Hi")
        assert there.responder.asked == []
        response = await there.openai.responses.create(model="scripted", input="Hi", store=False)
        assert response.output_text == "Hello there"

    (tmp_path / "file").write_text("in the way")
    against(work, path=tmp_path / "file" / "r.sqlite3")


def test_an_answer_that_could_not_be_kept_after_all_says_so(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"
    broken = asyncio.Event()

    async def work(there: Served) -> None:
        stream = await there.openai.responses.create(model="scripted", input="Hi", stream=True)
        async for event in stream:
            if event.type == "response.output_text.delta":
                with sqlite3.connect(path) as db:
                    db.execute("DROP TABLE response")
                broken.set()
            if event.type == "response.completed":
                assert event.response.output_text == "Hello"
                assert event.response.to_dict()["store"] is False
                return
        raise AssertionError("the stream had no end")

    against(work, [STARTED, TextDelta(text="Hello"), broken, Finished(reason="stop"), USAGE], path=path)


def test_a_client_that_leaves_stops_the_model_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async def work(there: Served) -> None:
        async with there.openai.responses.stream(model="scripted", input="A secret.") as stream:
            async for event in stream:
                if event.type == "response.output_text.delta":
                    break
        await asyncio.wait_for(there.responder.closed.wait(), 5)
        assert there.responder.running == 0

    against(work, [STARTED, TextDelta(text="Hello"), TextDelta(text=" you"), 60.0], path=tmp_path / "r.sqlite3")
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_response_can_be_continued_as_soon_as_its_last_event_is_there() -> None:
    async def work(there: Served) -> None:
        stream = await there.openai.responses.create(model="scripted", input="One", stream=True)
        async for event in stream:
            if isinstance(event, ResponseCompletedEvent):
                await there.openai.responses.create(
                    model="scripted", input="Two", previous_response_id=event.response.id
                )
        assert len(there.responder.asked[1].messages) == 3

    against(work)
