"""The child's side of `tandem.catalog.child`: `python -m tandem.catalog.errands NAME` does one errand and ends.

Standard output belongs to the protocol; whatever libraries print goes to standard error instead.
"""

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO, cast

import msgspec

from tandem.catalog.child import Json, Reply
from tandem.core.errors import TandemError
from tandem.core.ports import Progress

Errand = Callable[[dict[str, Json], Progress], Json]

ERRANDS = {
    "download": "tandem.catalog.download:download",
    "convert": "tandem.catalog.conversion:convert",
    "try_opening": "tandem.catalog.conversion:try_opening",
    "foundry_list": "tandem.catalog.foundry_errands:list_models",
    "foundry_pull": "tandem.catalog.foundry_errands:pull_model",
    "foundry_providers": "tandem.catalog.foundry_errands:list_providers",
    "foundry_provider_pull": "tandem.catalog.foundry_errands:pull_providers",
}
"""Where each errand is; it is imported only in the process that does it."""


def main(name: str) -> int:
    """Read the request, do the errand, and tell how it went. Returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    channel = _claim_output()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lock = threading.Lock()

    def say(reply: Reply) -> None:
        with lock:
            channel.write(msgspec.json.encode(reply) + b"\n")
            channel.flush()

    try:
        module, _, function = ERRANDS[name].partition(":")
        errand = cast("Errand", getattr(importlib.import_module(module), function))
        request = cast("dict[str, Json]", msgspec.json.decode(line))
        result = errand(request, lambda done, total, what: say(Reply(done=done, total=total, what=what)))
    except TandemError as error:
        say(Reply(error=type(error).__name__, what=error.message))
    except OSError as error:
        say(Reply(error="CatalogError", what=f"{error.strerror or error}: {error.filename or 'the data folder'}."))
    except MemoryError:
        say(
            Reply(error="NotEnoughMemory", what="The memory is not enough to prepare this model. Close other programs.")
        )
    except Exception:  # noqa: BLE001 - the child's last door; its trace is for the log, its death for the parent
        traceback.print_exc()
        return 1
    else:
        say(Reply(finished=True, result=result))
    return 0


def _claim_output() -> BinaryIO:
    """Keep the real standard output for the protocol and let everyone else's prints go to standard error."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return channel


def _end_with_parent() -> None:
    """Wait until the parent closes our input (by dying, if need be), then end at once.

    Reads the descriptor itself: a thread that waits inside a buffered reader would hold its lock at the end.
    """
    while os.read(0, 4096):
        pass
    os._exit(3)


if __name__ == "__main__":
    status = main(sys.argv[1])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
