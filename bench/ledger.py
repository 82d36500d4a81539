"""What keeping receipts costs: ``python bench/ledger.py [LINES]`` (100,000 by default).

Four numbers with their bars: microseconds of `record` on the thread that answers, lines a second that reach the disk,
seconds of a verification, and milliseconds of the home page's sums. Writes into a temporary folder.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles

from tandem.core.ledger import LedgerLine
from tandem.ledger.reading import LedgerReader
from tandem.ledger.store import LedgerOptions, SqliteLedger
from tandem.ledger.verify import verify_folder

RECORD_BAR_US = 30.0
PACED_LINES = 2000
PACED_SECONDS = 0.001
LINE = LedgerLine(
    request_id="req_0",
    at=0.0,
    route="chat",
    asked="auto",
    policy="local-first",
    policy_hash="5f" * 32,
    outcome="answered",
    evidence="ab" * 32,
    seal="namespace",
    because=("NearestFirst", "PrivateStaysHere"),
    removed=("PrivateStaysHere",),
    private=("PESEL",),
    task="code",
    difficulty=0.25,
    prompt_tokens=312,
    completion_tokens=90,
    cloud_cost_usd=Decimal("0.00123"),
)


def a_line(number: int, lines: int, now: float) -> LedgerLine:
    """A line of the last thirty days: two places, four models, waits of every length."""
    far = number % 3 == 0
    return replace(
        LINE,
        request_id=f"req_{number:024x}",
        at=now - 30 * 86_400 * (1 - number / lines),
        model=f"model-{number % 4}",
        place="cloud" if far else "device",
        cost_usd=Decimal("0.00123") if far else Decimal(0),
        left_bytes=900 if far else 0,
        left_to=("far",) if far else (),
        first_word_seconds=0.05 + (number * 7919 % 1000) / 1000,
        seconds=0.5 + (number * 104729 % 4000) / 1000,
    )


def recording(home: Path) -> list[float]:
    """Microseconds of each `record`, at a thousand lines a second, while the writer works."""
    taken: list[float] = []
    with SqliteLedger(home) as ledger:
        for number in range(PACED_LINES):
            line = a_line(number, PACED_LINES, time.time())
            began = time.perf_counter()
            ledger.record(line)
            taken.append((time.perf_counter() - began) * 1e6)
            time.sleep(PACED_SECONDS)
    return taken


def committing(home: Path, lines: int) -> tuple[float, float]:
    """Lines a second until all are on the disk, as fast as they are taken, and processor microseconds of each."""
    now = time.time()
    prepared = [a_line(number, lines, now) for number in range(lines)]
    with SqliteLedger(home, options=LedgerOptions(memory_lines=lines)) as ledger:
        began, busy = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        for line in prepared:
            ledger.record(line)
        assert ledger.flush(3600)
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - busy.ru_utime - busy.ru_stime
    return lines / seconds, spent / lines * 1e6


def seconds_of(work: Callable[[], object], times: int = 5) -> float:
    """The median of a few runs."""
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


def main(lines: int) -> int:
    """Measure and print a table. The status is 1 where a bar is missed."""
    with tempfile.TemporaryDirectory() as folder:
        taken = recording(Path(folder) / "paced")
        home = Path(folder) / "home"
        rate, processor_us = committing(home, lines)
        size = sum(file.stat().st_size for file in home.glob("ledger.sqlite*"))
        reader = LedgerReader(home)
        verified = seconds_of(lambda: verify_folder(home), 3)
        day, month = time.time() - 86_400, time.time() - 30 * 86_400
        rows = [
            ("record on the caller's thread, median (us)", f"{median(taken):.1f}"),
            ("record on the caller's thread, 99th percentile (us)", f"{quantiles(taken, n=100)[98]:.1f}"),
            ("lines committed a second", f"{rate:,.0f}"),
            ("processor time of a line, writer included (us)", f"{processor_us:.0f}"),
            ("bytes of a line on the disk", f"{size / lines:.0f}"),
            (f"verify {lines:,} lines (s)", f"{verified:.2f}"),
            ("sums of a day (ms)", f"{seconds_of(lambda: reader.summary(day)) * 1e3:.1f}"),
            ("sums of 30 days (ms)", f"{seconds_of(lambda: reader.summary(month)) * 1e3:.1f}"),
            ("30 days by the hour (ms)", f"{seconds_of(lambda: reader.series(month)) * 1e3:.1f}"),
            ("the latest 50 (ms)", f"{seconds_of(lambda: reader.recent(50)) * 1e3:.1f}"),
        ]
    print("| what | measured |\n|---|---:|")
    for what, number in rows:
        print(f"| {what} | {number} |")
    return 0 if median(taken) < RECORD_BAR_US else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
