"""A process that is killed loses no line that the ledger vouched for, and leaves a chain that verifies."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.ledger import stored_lines
from tandem.ledger.verify import verify_folder

WRITER = Path(__file__).with_name("writer.py")
ROOTS = [str(Path(__file__).parents[2] / name) for name in ("src", "tests")]


def written_until_killed(home: Path, processes: int, seconds: float) -> set[str]:
    """The ids that writers vouched for before each was killed at a moment of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(ROOTS)}
    running = [
        subprocess.Popen([sys.executable, WRITER, home], stdout=subprocess.PIPE, env=environment, text=True)
        for _ in range(processes)
    ]
    vouched: set[str] = set()
    for child in running:
        assert child.stdout is not None
        vouched.add(child.stdout.readline().rstrip())  # it writes by now
    time.sleep(seconds)
    for child in running:
        child.send_signal(signal.SIGKILL)
        out, _ = child.communicate(timeout=30)
        # A line that was cut while it was being printed was vouched for, but says only a part of its name.
        vouched |= {name for name in out.splitlines(keepends=True) if name.endswith("\n")}
    return {name.rstrip() for name in vouched}


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("processes", [1, 2])
def test_every_line_that_was_vouched_for_is_there_after_kill_9(tmp_path: Path, processes: int) -> None:
    chance = random.Random(20261123 + processes)
    vouched: set[str] = set()
    for _ in range(4):
        vouched |= written_until_killed(tmp_path, processes, chance.uniform(0.02, 0.6))
        verdict = verify_folder(tmp_path)
        assert verdict.ok, verdict.problem

    kept = {line.request_id for line in stored_lines(tmp_path)}
    assert len(vouched) > 20
    assert vouched - kept == set()
    assert verify_folder(tmp_path, every_signature=True).ok
