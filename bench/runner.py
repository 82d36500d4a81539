"""Who takes part, and what can be done with each of them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.asking import Answer, Ask


class ContenderFailed(Exception):
    """A contender could not do what it was asked to; the message is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A contender that takes part. ``python`` is the interpreter that has its libraries.

    One that ``decodes_only`` is there for a ratio, and does nothing but decode one stream.
    """

    name: str
    title: str
    kind: str
    options: Mapping[str, str]
    python: str = sys.executable
    decodes_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident bytes of one process now, and the most it ever had (the same, where the system does not tell)."""

    resident: int
    peak: int


class Runner(Protocol):
    """A contender as the course sees it; `bench.stable.Stall` is the real one."""

    @property
    def entry(self) -> Entry:
        """Who it is."""
        ...

    def open(self) -> float:
        """Get ready; the seconds it took."""
        ...

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """Answer questions that are asked together."""
        ...

    def facts(self) -> Mapping[str, str]:
        """What it says about itself."""
        ...

    def processes(self) -> Mapping[str, int]:
        """The processes whose memory counts."""
        ...

    def memory(self) -> Mapping[str, Memory]:
        """The memory of each of its processes."""
        ...

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        ...

    def close(self) -> None:
        """End it."""
        ...
