"""Opens a stranger's path without waiting on a pipe, following a link or waking a device."""

import os
import stat
from pathlib import Path

from tandem.rag.read.document import Unreadable
from tandem.rag.read.limits import Limits


def shown(path: Path) -> str:
    """A path for people: bytes that are no UTF-8, and control characters, are written as escapes."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in name)


def open_file(path: Path, limits: Limits) -> int:
    """A descriptor, open for reading, of a plain file within the limit. Raises `Unreadable`."""
    name = shown(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        before = os.lstat(path)
        if stat.S_ISLNK(before.st_mode):
            raise Unreadable("symlink", name=name)
        if not stat.S_ISREG(before.st_mode):
            raise Unreadable("not_a_file", name=name)
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise Unreadable("missing", name=name) from error
    except PermissionError as error:
        raise Unreadable("forbidden", name=name) from error
    except (OSError, ValueError) as error:
        raise Unreadable("broken", name=name, detail=type(error).__name__) from error
    try:
        _check(os.fstat(descriptor), name, limits)
    except Unreadable:
        os.close(descriptor)
        raise
    return descriptor


def _check(found: os.stat_result, name: str, limits: Limits) -> None:
    """The file may have been exchanged since it was looked at: what is open decides."""
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("not_a_file", name=name)
    if found.st_size == 0:
        raise Unreadable("empty", name=name)
    if found.st_size > limits.file_bytes:
        detail = f"{found.st_size >> 20} MiB; the limit is {limits.file_bytes >> 20} MiB"
        raise Unreadable("too_large", name=name, detail=detail)
