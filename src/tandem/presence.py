"""Which Tandem servers run on this machine: one small file for each, written while it answers.

So that other commands find a server without knocking at ports. A file whose process is gone is swept away.
"""

import json
import logging
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A server that runs: its process, when that process began (Unix seconds), and where it answers."""

    pid: int
    began: float
    url: str


@contextmanager
def announced(home: Path, url: str) -> Generator[Presence]:
    """Say that this process answers at ``url``, until the block ends.

    Where the folder cannot be written, a warning is logged: the server answers, only other commands do not find it.
    """
    mine = Presence(pid=os.getpid(), began=psutil.Process().create_time(), url=url)
    file = home / "run" / f"{mine.pid}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(mine)), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        LOG.warning(
            "%s cannot be written (%s), so `tandem ask` will not find this server. "
            "Make it writable, or name another folder in TANDEM_HOME.",
            file.parent,
            error.strerror,
        )
    try:
        yield mine
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def running(home: Path) -> tuple[Presence, ...]:
    """The servers of this data folder that are alive, newest first."""
    found: list[Presence] = []
    for file in (home / "run").glob("*.json"):
        presence = _read(file)
        if presence is not None and _alive(presence):
            found.append(presence)
        else:
            with suppress(OSError):
                file.unlink(missing_ok=True)
    return tuple(sorted(found, key=lambda presence: -presence.began))


def _read(file: Path) -> Presence | None:
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        return Presence(pid=int(fields["pid"]), began=float(fields["began"]), url=str(fields["url"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _alive(presence: Presence) -> bool:
    try:
        return abs(psutil.Process(presence.pid).create_time() - presence.began) < 1.0
    except psutil.Error:
        return False
