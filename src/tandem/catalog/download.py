"""One wheel through pip, as pip is configured here: mirrors, proxies, offline folders and all.

What went wrong is told by the classes of the exceptions that pip met, never by its words.
The words are passed on for people.
"""

import logging
import re
import sys
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from tandem.catalog.child import Json
from tandem.core.errors import CatalogError, CorruptFile, Offline
from tandem.core.ports import Progress

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_ALTERED = frozenset({"HashMismatch", "HashErrors"})
_UNREACHABLE = frozenset(
    {
        "ConnectionFailedError", "ConnectionTimeoutError", "ProxyConnectionError", "SSLVerificationError",
        "ConnectionError", "Timeout", "RetryError", "MaxRetryError", "IncompleteDownloadError", "IncompleteRead",
    }
)  # fmt: skip
"""Names of the exceptions, of pip and of the libraries inside it, that mean no connection, or a broken one."""


def download(request: dict[str, Json], progress: Progress) -> Json:
    """Download ``requirement`` with sha256 ``sha256`` into the folder ``target``; returns the file's path.

    ``no_index`` keeps pip off the network; its offline folders still serve. Runs in a child process: it takes over
    this process's standard output and temporary folder.
    Raises `Offline`, `CorruptFile`, or `CatalogError` where no index or folder has the file.
    """
    requirement, target = str(request["requirement"]), Path(str(request["target"]))
    wanted = target / "requirement.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{request['sha256']}\n", encoding="utf-8")
    tempfile.tempdir = str(target)
    met = _Met()
    with met.listening():
        sys.stdout = _PipOutput(progress, requirement)
        status = _pip(["--no-index"] if request["no_index"] else [], wanted, target)
        sys.stdout = sys.__stdout__
    if status == 0:
        return str(next(target.glob("*.whl")))
    failure = _failure(requirement, met)
    if request["no_index"] and not isinstance(failure, CorruptFile):
        raise _kept_offline(requirement) from failure
    raise failure


def _pip(more: list[str], wanted: Path, target: Path) -> int:
    from pip._internal.cli.main import main

    return main(
        [
            "download", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-input", "--no-cache-dir",
            "--disable-pip-version-check", "--retries", "2", "--resume-retries", "5", "--progress-bar", "raw",
            "--dest", str(target), "--requirement", str(wanted), *more,
        ]
    )  # fmt: skip


def _kept_offline(requirement: str) -> Offline:
    return Offline(
        f"Tandem is set to stay offline, and no folder that pip is configured for has {requirement}. "
        "Unset TANDEM_OFFLINE, or put its wheel into a folder named by PIP_FIND_LINKS."
    )


def _failure(requirement: str, met: "_Met") -> CatalogError:
    said = f" pip said: {met.last_error}" if met.last_error else ""
    if met.classes & _ALTERED:
        return CorruptFile(
            f"The package {requirement} that arrived is not the one that Tandem knows, so it was thrown away. "
            f"Try again; if that does not help, look at the mirror or folder that pip takes packages from.{said}"
        )
    if met.classes & _UNREACHABLE:
        return Offline(
            f"The package index cannot be reached, so {requirement} could not be fetched. Connect to the network, "
            f"or give pip a mirror or a folder that has the wheel (PIP_INDEX_URL, PIP_FIND_LINKS).{said}"
        )
    return CatalogError(
        f"No package index or folder that pip is configured for has {requirement}. Look at `pip config list`, "
        f"or put its wheel into a folder named by PIP_FIND_LINKS.{said}"
    )


class _Met(logging.Handler):
    """Notes the class names of every exception that pip handles, logs, or ends with, causes included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.classes: set[str] = set()
        self.last_error = ""
        self._loggers = [logging.getLogger(name) for name in ("pip._internal", "pip._vendor.urllib3")]

    def listening(self) -> "_Met":
        for logger in self._loggers:
            logger.addHandler(self)
            logger.setLevel(logging.DEBUG)
        return self

    def __enter__(self) -> "_Met":
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers:
            logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """See one log record, and the exception in whose handling it was written."""
        if record.levelno >= logging.ERROR:
            self.last_error = record.getMessage().strip().splitlines()[0]
        handled, logged = sys.exc_info()[1], record.exc_info[1] if record.exc_info else None
        for item in (handled, logged, *(record.args if isinstance(record.args, tuple) else ())):
            for error in _causes(item):
                self.classes |= {kind.__name__ for kind in type(error).__mro__}


def _causes(item: object) -> Iterator[BaseException]:
    seen: set[int] = set()
    while isinstance(item, BaseException) and id(item) not in seen:
        seen.add(id(item))
        yield item
        item = item.__cause__ or item.__context__


class _PipOutput(StringIO):
    """Stands in for pip's standard output and turns its raw progress lines into our steps."""

    def __init__(self, progress: Progress, requirement: str) -> None:
        super().__init__()
        self._progress = progress
        self._what = f"Downloading {requirement}"

    def write(self, text: str, /) -> int:
        for done, total in _PROGRESS.findall(text):
            self._progress(int(done), int(total), self._what)
        return len(text)
