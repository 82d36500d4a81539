"""Keeping numpy's matrix products on one thread while many small ones run.

OpenBLAS wakes all its threads for every product and lets them spin at the end. With a hundred thousand products, on a
machine that has other work, that costs five times the processor time of one thread, and ten times the waiting.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np

Symbols: TypeAlias = tuple[Callable[[], int], Callable[[int], None]]

_PREFIXES, _SUFFIXES = ("scipy_openblas", "openblas"), ("64_", "")


@contextlib.contextmanager
def one_blas_thread() -> Generator[None]:
    """Limit OpenBLAS to one thread inside the block; without effect where numpy brings another library."""
    found = list(_openblas())
    before = [read() for read, _ in found]
    for _, write in found:
        write(1)
    try:
        yield
    finally:
        for (_, write), threads in zip(found, before, strict=True):
            write(threads)


def _openblas() -> Iterator[Symbols]:
    """The functions that read and set the number of threads, of each OpenBLAS that numpy's wheel carries."""
    home = Path(np.__file__).parent
    for folder in (home.parent / "numpy.libs", home / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            with contextlib.suppress(OSError):
                library = ctypes.CDLL(str(path))
                yield from _symbols(library)


def _symbols(library: ctypes.CDLL) -> Iterator[Symbols]:
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            with contextlib.suppress(AttributeError):
                yield library[f"{prefix}_get_num_threads{suffix}"], library[f"{prefix}_set_num_threads{suffix}"]
