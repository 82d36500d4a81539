"""Where contenders stand between their turns: each in a process of its own, watched from outside."""

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import psutil

from bench.asking import Answer, Ask, Json, answer_from_json
from bench.runner import ContenderFailed, Entry, Memory

REPOSITORY = Path(__file__).parents[1]
CALL_SECONDS = 240.0


class Stall:
    """One contender's process. Calls block; none takes longer than `CALL_SECONDS`."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._lines: queue.Queue[str] = queue.Queue()
        self._spawned = time.perf_counter()
        self._process = subprocess.Popen(
            [entry.python, "-m", "bench.child", entry.kind, json.dumps(dict(entry.options))],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONSAFEPATH": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def open(self) -> float:
        """Get it ready; the seconds from the start of the measured process until it could answer."""
        reply = self._call({"do": "open"})
        ready = time.perf_counter()
        began = cast("float | None", reply["began"])
        return ready - (self._spawned if began is None else began)

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """Put questions to it together."""
        reply = self._call({"do": "answer", "asks": [asdict(ask) for ask in asks]})
        return [answer_from_json(row) for row in cast("list[Json]", reply["answers"])]

    def embed(self, texts: Sequence[str]) -> float:
        """Have texts embedded; the seconds it took."""
        return cast("float", self._call({"do": "embed", "texts": list(texts)})["seconds"])

    def facts(self) -> Mapping[str, str]:
        """What it says about itself."""
        return cast("dict[str, str]", self._call({"do": "describe"})["facts"])

    def processes(self) -> Mapping[str, int]:
        """The processes whose memory counts."""
        return cast("dict[str, int]", self._call({"do": "describe"})["processes"])

    def memory(self) -> Mapping[str, Memory]:
        """The memory of each of them."""
        return {name: _memory(pid) for name, pid in self.processes().items()}

    def cpu_seconds(self) -> float:
        """Processor time that it and its children have used so far."""
        total = 0.0
        try:
            whole = psutil.Process(self._process.pid)
            for process in (whole, *whole.children(recursive=True)):
                times = process.cpu_times()
                total += times.user + times.system
        except psutil.NoSuchProcess:
            return total
        return total

    def close(self) -> None:
        """End it, and what it started."""
        try:
            family = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        try:
            self._call({"do": "close"})
            self._process.wait(30)
        except (ContenderFailed, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        for process in family:
            if process.is_running():
                process.kill()

    def _call(self, request: Json) -> Json:
        stdin = self._process.stdin
        if stdin is None:
            raise ContenderFailed(f"{self.entry.title} has no ear")
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = self._lines.get(timeout=CALL_SECONDS)
        except (OSError, queue.Empty) as error:
            raise ContenderFailed(f"{self.entry.title} is silent ({type(error).__name__})") from error
        if not line:
            raise ContenderFailed(f"{self.entry.title} ended with status {self._process.wait()}")
        reply = cast("Json", json.loads(line))
        if "error" in reply:
            raise ContenderFailed(f"{self.entry.title}: {reply['error']}")
        return reply

    def _listen(self) -> None:
        stdout = self._process.stdout
        for line in stdout or ():
            self._lines.put(line)
        self._lines.put("")


def _memory(pid: int) -> Memory:
    resident = cast("int", psutil.Process(pid).memory_info().rss)
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return Memory(resident=resident, peak=resident)
    peaks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return Memory(resident=resident, peak=int(peaks[0]) * 1024 if peaks else resident)
