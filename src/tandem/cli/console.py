"""Printing: rich on a terminal, plain in a pipe. Results go to standard output, everything else to standard error."""

import io
import json
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from tandem.cli.words import Words
from tandem.core.ports import Progress


def prepare_streams() -> None:
    """Give closed streams an end, and let no letter that a terminal lacks stop a command: it becomes ``?``."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - lives as long as we do
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_json(document: Any) -> None:  # noqa: ANN401 - any JSON value
    """One JSON document on standard output; escaped where the output cannot hold every letter."""
    everything = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(document, ensure_ascii=not everything, indent=2))


def note(text: str) -> None:
    """A line for people, on standard error."""
    print(text, file=sys.stderr, flush=True)


def fail(words: Words, message: str) -> None:
    """An error for people, on standard error."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True).print(Text(f"{words('Error')}: ", style="bold red"), Text(message), sep="")
    else:
        note(f"{words('Error')}: {message}")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: drawn on a terminal, tab-separated in a pipe. Columns without names have no head."""
    named = any(columns)
    if not sys.stdout.isatty():
        for row in (columns, *rows) if named else rows:
            print("\t".join(row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD if named else None, pad_edge=False, show_header=named)
    for number, column in enumerate(columns):
        # The first column holds names that people type: it is never cut.
        widest = max((len(row[0]) for row in rows), default=0)
        table.add_column(column, min_width=widest if number == 0 else None)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


@contextmanager
def progress_shown() -> Generator[Progress]:
    """A `Progress` that is a bar on a terminal and, in a pipe, one line for each thing that is being done."""
    if not sys.stderr.isatty():
        yield _plain_progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def show(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield show


def _plain_progress() -> Progress:
    seen: set[str] = set()

    def show(done: int, total: int, what: str) -> None:  # noqa: ARG001 - a line, not a bar
        if what not in seen:
            seen.add(what)
            note(f"{what} ...")

    return show
