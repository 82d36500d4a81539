"""The store of responses, on real files."""

import asyncio
import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.core.errors import NotFound, Unavailable
from tandem.server.stored import ResponseStore, StoredResponse, StoreLimits

SECRET = "the words of a private turn " * 400
"""Long enough to spill into overflow pages."""


def a_turn(name: str, previous: str | None = None, text: str = "hello") -> StoredResponse:
    return StoredResponse(
        id=f"resp_{name}",
        previous_id=None if previous is None else f"resp_{previous}",
        body={"id": f"resp_{name}", "status": "completed", "instructions": text},
        inputs=({"id": f"msg_in_{name}", "type": "message", "role": "user", "content": text},),
        outputs=({"id": f"msg_out_{name}", "type": "message", "role": "assistant", "content": text},),
    )


def with_store(
    path: Path | None,
    work: Callable[[ResponseStore], Awaitable[None]],
    *,
    limits: StoreLimits | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    async def main() -> None:
        async with ResponseStore(path, limits=limits, clock=clock) as store:
            await work(store)

    asyncio.run(main())


def modes_on_disk(folder: Path) -> list[int]:
    return [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()]


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_turn_comes_back_as_it_was_kept(tmp_path: Path, in_memory: bool) -> None:
    turn = a_turn("a", text="quotes \"', a zero \0, zażółć 🦆")

    async def work(store: ResponseStore) -> None:
        await store.save(turn)
        assert await store.load("resp_a") == turn
        assert (await store.find_item("msg_out_a")).body == turn.outputs[0]

    with_store(None if in_memory else tmp_path / "deep" / "folder" / "responses.sqlite3", work)


def test_a_store_outlives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite3"

    async def first(store: ResponseStore) -> None:
        await store.save(a_turn("a"))

    async def second(store: ResponseStore) -> None:
        assert (await store.load("resp_a")).id == "resp_a"

    with_store(path, first)
    with_store(path, second)


def test_a_conversation_is_read_oldest_first(tmp_path: Path) -> None:
    async def work(store: ResponseStore) -> None:
        await store.save(a_turn("a"))
        await store.save(a_turn("b", "a"))
        await store.save(a_turn("other"))
        await store.save(a_turn("c", "b"))
        assert [turn.id for turn in await store.chain("resp_c")] == ["resp_a", "resp_b", "resp_c"]

    with_store(tmp_path / "r.sqlite3", work)


def test_a_conversation_with_a_deleted_turn_cannot_be_continued_but_its_later_turns_can_be_read(tmp_path: Path) -> None:
    async def work(store: ResponseStore) -> None:
        await store.save(a_turn("a"))
        await store.save(a_turn("b", "a"))
        await store.save(a_turn("c", "b"))
        await store.delete("resp_b")
        with pytest.raises(NotFound, match="resp_b"):
            await store.chain("resp_c")
        assert (await store.load("resp_c")).previous_id == "resp_b"
        assert len(await store.chain("resp_a")) == 1

    with_store(tmp_path / "r.sqlite3", work)


def test_deleted_words_are_nowhere_on_the_disk(tmp_path: Path) -> None:
    async def work(store: ResponseStore) -> None:
        await store.save(a_turn("a", text=SECRET))
        await store.save(a_turn("b", text="public"))
        assert b"private turn" in bytes_on_disk(tmp_path)
        await store.delete("resp_a")
        assert b"private turn" not in bytes_on_disk(tmp_path)
        assert b"public" in bytes_on_disk(tmp_path)
        for gone in (store.load("resp_a"), store.delete("resp_a"), store.find_item("msg_in_a"), store.chain("resp_a")):
            with pytest.raises(NotFound):
                await gone

    with_store(tmp_path / "r.sqlite3", work)


def test_words_whose_deletion_a_crash_interrupted_are_gone_once_the_store_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "before" / "r.sqlite3"
    crashed = tmp_path / "after"

    async def interrupted(store: ResponseStore) -> None:
        await store.save(a_turn("a", text=SECRET))
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("DELETE FROM response")
            shutil.copytree(path.parent, crashed)
        assert b"private turn" in bytes_on_disk(crashed)

    async def opened_again(store: ResponseStore) -> None:
        await store.ready()
        assert b"private turn" not in bytes_on_disk(crashed)

    with_store(path, interrupted)
    with_store(crashed / "r.sqlite3", opened_again)


def test_what_expired_while_nothing_ran_is_swept_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"

    async def keep(store: ResponseStore) -> None:
        await store.save(a_turn("a", text="old words"))

    async def start(store: ResponseStore) -> None:
        await store.ready()
        assert b"old words" not in bytes_on_disk(tmp_path)

    limits = StoreLimits(max_age_seconds=60)
    with_store(path, keep, limits=limits, clock=lambda: 1000.0)
    with_store(path, start, limits=limits, clock=lambda: 1061.0)


def test_what_was_not_used_for_longest_goes_first_and_leaves_no_words(tmp_path: Path) -> None:
    now = 1000.0

    async def work(store: ResponseStore) -> None:
        nonlocal now
        for name in "abc":
            await store.save(a_turn(name, text=f"words of {name}"))
            now += 1
        await store.chain("resp_a")
        now += 1
        await store.save(a_turn("d"))
        assert (await store.load("resp_a")).id == "resp_a"
        with pytest.raises(NotFound):
            await store.load("resp_b")
        assert b"words of b" not in bytes_on_disk(tmp_path)

    with_store(tmp_path / "r.sqlite3", work, limits=StoreLimits(max_responses=3), clock=lambda: now)


def test_turns_expire_by_age_even_before_they_are_swept(tmp_path: Path) -> None:
    now = 1000.0

    async def work(store: ResponseStore) -> None:
        nonlocal now
        await store.save(a_turn("a", text="old words"))
        now += 61
        with pytest.raises(NotFound):
            await store.load("resp_a")
        await store.save(a_turn("b"))
        assert b"old words" not in bytes_on_disk(tmp_path)

    with_store(tmp_path / "r.sqlite3", work, limits=StoreLimits(max_age_seconds=60), clock=lambda: now)


@given(st.lists(st.integers(min_value=1, max_value=3000), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_the_text_that_is_kept_never_exceeds_its_bound(sizes: list[int]) -> None:
    kept: dict[str, int] = {}

    async def work(store: ResponseStore) -> None:
        for at, size in enumerate(sizes):
            turn = a_turn(str(at), text="x" * size)
            kept[turn.id] = 3 * size
            await store.save(turn)
        there = 0
        for name, size in kept.items():
            try:
                await store.load(name)
                there += size
            except NotFound:
                pass
        assert there <= 10_000

    with_store(None, work, limits=StoreLimits(max_bytes=10_000))


def test_the_file_is_its_users_alone(tmp_path: Path) -> None:
    async def work(store: ResponseStore) -> None:
        await store.save(a_turn("a"))
        assert set(modes_on_disk(tmp_path)) == {0o600}

    with_store(tmp_path / "r.sqlite3", work)


def save_until_killed(path: Path, saved: "multiprocessing.Queue[int]") -> None:
    async def work(store: ResponseStore) -> None:
        for at in range(100_000):
            await store.save(a_turn(f"{os.getpid()}_{at}", text="x" * 5000))
            saved.put(at)

    with_store(path, work)


def test_a_killed_process_loses_nothing_that_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"
    context = multiprocessing.get_context("spawn")
    saved = context.Queue()
    writers = [context.Process(target=save_until_killed, args=(path, saved)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for _ in range(40):
        saved.get(timeout=60)
    for writer in writers:
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()

    async def work(store: ResponseStore) -> None:
        await store.save(a_turn("after"))

    with_store(path, work)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM response").fetchone()[0] >= 41
        assert (
            db.execute("SELECT count(*) FROM item").fetchone()[0]
            == 2 * (db.execute("SELECT count(*) FROM response").fetchone()[0])
        )


def test_a_reader_elsewhere_delays_the_forgetting_until_the_next_deletion(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"

    async def main() -> None:
        async with ResponseStore(path, patience_seconds=0.05) as store:
            await store.save(a_turn("a", text=SECRET))
            await store.save(a_turn("b"))
            with closing(sqlite3.connect(path, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                assert reader.execute("SELECT count(*) FROM response").fetchone() == (2,)
                await store.delete("resp_a")
                with pytest.raises(NotFound):
                    await store.load("resp_a")
            await store.delete("resp_b")
            assert b"private turn" not in bytes_on_disk(tmp_path)

    asyncio.run(main())


def test_a_file_that_is_no_store_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"
    path.write_bytes(b"not a database, though long enough to look like one " * 40)

    async def work(store: ResponseStore) -> None:
        with pytest.raises(Unavailable, match="move the file away"):
            await store.ready()

    with_store(path, work)
    assert path.read_bytes().startswith(b"not a database")


def test_a_store_of_a_newer_tandem_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"

    async def make(store: ResponseStore) -> None:
        await store.save(a_turn("a"))

    async def refused(store: ResponseStore) -> None:
        with pytest.raises(Unavailable, match="newer Tandem"):
            await store.load("resp_a")

    with_store(path, make)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with_store(path, refused)


@given(st.text())
@settings(max_examples=60, deadline=None)
def test_no_id_breaks_a_lookup(name: str) -> None:
    async def work(store: ResponseStore) -> None:
        for wish in (store.load(name), store.chain(name), store.delete(name), store.find_item(name)):
            with pytest.raises(NotFound):
                await wish
        with pytest.raises(NotFound):
            await store.load(f"{name}\ud800")

    with_store(None, work)


def test_the_loop_goes_on_while_the_file_is_locked_by_another(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"

    async def work(store: ResponseStore) -> None:
        await store.ready()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        saving = asyncio.create_task(store.save(a_turn("a")))
        ticks = 0
        while ticks < 20:
            await asyncio.sleep(0.005)
            ticks += 1
        assert not saving.done()
        other.execute("COMMIT")
        other.close()
        await saving

    with_store(path, work)


@given(st.lists(st.tuples(st.sampled_from(["save", "continue", "delete"]), st.integers(0, 30)), max_size=25))
@settings(max_examples=40, deadline=None)
def test_a_conversation_is_there_as_long_as_each_of_its_turns_is(acts: list[tuple[str, int]]) -> None:
    made: list[str] = []
    parents: dict[str, str | None] = {}

    def expected(name: str) -> list[str] | None:
        if name not in parents:
            return None
        parent = parents[name]
        before = [] if parent is None else expected(parent)
        return None if before is None else [*before, f"resp_{name}"]

    async def work(store: ResponseStore) -> None:
        for act, at in acts:
            chosen = made[at % len(made)] if made else "nothing"
            if act == "delete" and chosen in parents:
                await store.delete(f"resp_{chosen}")
                del parents[chosen]
            elif act != "delete":
                parent = chosen if act == "continue" and chosen in parents else None
                made.append(str(len(made)))
                parents[made[-1]] = parent
                await store.save(a_turn(made[-1], parent))
        for name in made:
            try:
                found = [turn.id for turn in await store.chain(f"resp_{name}")]
            except NotFound:
                found = None
            assert found == expected(name)

    with_store(None, work)


def test_a_store_of_the_first_schema_is_lifted_and_keeps_its_turns(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite3"
    with_store(path, lambda store: store.save(a_turn("a")))
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 2
        for column in ("private", "labels"):
            db.execute(f"ALTER TABLE response DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 1")

    async def work(store: ResponseStore) -> None:
        assert await store.load("resp_a") == a_turn("a")
        guarded = replace(a_turn("b", "a"), private=True, labels=("internal", "zażółć"))
        await store.save(guarded)
        assert await store.chain("resp_b") == (a_turn("a"), guarded)
        found = await store.find_item("msg_in_b")
        assert (found.private, found.labels) == (True, ("internal", "zażółć"))

    with_store(path, work)
