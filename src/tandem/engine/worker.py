"""The child process of one model: sealed first, then loaded, then it answers frames until its parent is gone.

The main thread runs the model, one step at a time, and looks for new frames between steps. A second thread waits for frames,
a third turns requests into tokens, so that a long prompt delays nobody. Nothing but frames goes to standard output:
what native code prints there ends up on standard error.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Protocol, cast

from tandem.core.errors import TandemError
from tandem.engine.frames import (
    Ask,
    AskStats,
    Cancel,
    Close,
    Count,
    Embed,
    Failed,
    FromWorker,
    Open,
    Ready,
    SealKind,
    SealMode,
    Stats,
    ToWorker,
    WorkerStats,
    decode_to_worker,
    encode_frame,
    fault_of,
    read_body,
)
from tandem.engine.seal import seal

SWITCH_SECONDS = 0.001
DEATH_SIGNAL_OPTION = 1


class Desk(Protocol):
    """What a worker does with frames: one implementation for each kind of model."""

    def accept(self, message: Ask | Count | Embed) -> None:
        """A new call. Runs in the main thread."""
        ...

    def cancel(self, call: int) -> None:
        """Nobody waits for a call any more."""
        ...

    def step(self) -> bool:
        """Do a little work; ``False`` when there is none."""
        ...

    def stats(self) -> WorkerStats:
        """How it is doing."""
        ...


class Outbox:
    """Frames on their way to the parent. Any thread may put; what the main thread puts goes out once a step."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def put(self, message: FromWorker) -> None:
        """Add one frame; it leaves with the next `flush`."""
        self._pipe.write(encode_frame(message))

    def flush(self) -> None:
        """Send what is there."""
        self._pipe.flush()


class Inbox:
    """What is to be done next, from the pipe and from the desk's own threads."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[ToWorker] = SimpleQueue()

    def put(self, message: ToWorker) -> None:
        """Add a message from any thread."""
        self._queue.put(message)

    def take(self, *, wait: bool) -> list[ToWorker]:
        """Everything that has come; with ``wait`` at least one message."""
        taken = [self._queue.get()] if wait else []
        while not self._queue.empty():
            taken.append(self._queue.get())
        return taken


def main() -> None:
    """Run a worker; ``argv[1]`` is how to seal it."""
    _die_with_parent()
    frames_in, outbox = _claim_pipes()
    try:
        sealed = seal(cast("SealMode", sys.argv[1]))
        desk = _open(frames_in, outbox, sealed)
    except TandemError as error:
        outbox.put(Failed(0, fault_of(error)))
        outbox.flush()
        os._exit(1)
    inbox = Inbox()
    threading.Thread(target=_receive, args=(frames_in, inbox), daemon=True).start()
    work(desk, inbox, outbox)


def work(desk: Desk, inbox: Inbox, outbox: Outbox) -> None:
    """Serve until the process ends."""
    busy = False
    while True:
        for message in inbox.take(wait=not busy):
            _hand_over(message, desk, outbox)
        busy = desk.step()
        outbox.flush()


def _hand_over(message: ToWorker, desk: Desk, outbox: Outbox) -> None:
    match message:
        case Ask() | Count() | Embed():
            desk.accept(message)
        case Cancel(call=call):
            desk.cancel(call)
        case AskStats(call=call):
            outbox.put(Stats(call, desk.stats()))
        case Open() | Close():
            pass


def _open(frames_in: BinaryIO, outbox: Outbox, sealed: SealKind) -> Desk:
    """Load what the first frame names and say that it is ready."""
    from tandem.engine.desks import open_desk

    body = read_body(frames_in)
    message = decode_to_worker(body) if body is not None else Close()
    if not isinstance(message, Open):
        os._exit(0)
    began = time.perf_counter()
    desk, about = open_desk(Path(message.folder), message.options, outbox)
    outbox.put(
        Ready(
            kind=about.kind,
            seal=sealed,
            context_tokens=about.context_tokens,
            abilities=about.abilities,
            dimensions=about.dimensions,
            load_seconds=time.perf_counter() - began,
        )
    )
    outbox.flush()
    return desk


def _receive(frames_in: BinaryIO, inbox: Inbox) -> None:
    """Pass frames on until the parent closes the pipe or dies; then end the process, whatever the model is doing."""
    while (body := read_body(frames_in)) is not None:
        message = decode_to_worker(body)
        if isinstance(message, Close):
            break
        inbox.put(message)
    os._exit(0)


def _claim_pipes() -> tuple[BinaryIO, Outbox]:
    """Keep standard output for frames and give its number to standard error."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    sys.setswitchinterval(SWITCH_SECONDS)
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, Outbox(frames_out)


def _die_with_parent() -> None:
    """The terminal's Ctrl-C is for the parent. On Linux the kernel also ends this process when the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(DEATH_SIGNAL_OPTION, signal.SIGKILL)
