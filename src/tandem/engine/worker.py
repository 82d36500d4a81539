"""The child process of one model: sealed first, then loaded, then it answers frames until its parent is gone.

The main thread runs the model, one step at a time, and looks for new frames between steps. A second thread waits for
frames, a third turns requests into tokens, so that a long prompt delays nobody. Nothing but frames goes to standard
output: what native code prints there ends up on standard error.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import BinaryIO, cast

from tandem.core.errors import TandemError
from tandem.core.telemetry import telemetry_refused
from tandem.engine.desk import Act, Desk, Outbox
from tandem.engine.desks import open_desk
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
    Said,
    SaidUsage,
    Stats,
    ToWorker,
    decode_to_worker,
    encode_frame,
    fault_of,
    read_body,
)
from tandem.engine.seal import SealKind, SealMode, seal

SWITCH_SECONDS = 0.001
TOGETHER_SECONDS = 0.012
DEATH_SIGNAL_OPTION = 1


class PipeOutbox:
    """Frames on their way to the parent.

    Words in the middle of a stream wait for each other a little: each write wakes the parent, and where a word takes a
    few milliseconds and the cores are few, that costs a noticeable part of it. Everything else leaves at once.
    """

    def __init__(self, pipe: BinaryIO, clock: Callable[[], float] = perf_counter) -> None:
        self._pipe = pipe
        self._clock = clock
        self._urgent = False
        self._sent = float("-inf")

    def put(self, message: FromWorker) -> None:
        """Add one frame; it leaves with the next `flush`."""
        self._urgent |= not isinstance(message, Said) or isinstance(message.sayings[-1], SaidUsage)
        self._pipe.write(encode_frame(message))

    def flush(self) -> None:
        """Send what is there."""
        self._urgent = False
        self._sent = self._clock()
        self._pipe.flush()

    def flush_if_due(self) -> None:
        """Send what is there, if something is urgent or the last time was `TOGETHER_SECONDS` ago."""
        if self._urgent or self._clock() - self._sent >= TOGETHER_SECONDS:
            self.flush()


def main() -> None:
    """Run a worker; ``argv[1]`` is how to seal it."""
    sealed, failure = _seal(cast("SealMode", sys.argv[1]))
    _die_with_parent()
    frames_in, outbox = claim_pipes()
    acts: SimpleQueue[Act] = SimpleQueue()
    try:
        if failure is not None:
            raise failure
        desk = _open(frames_in, outbox, sealed, acts)
    except TandemError as error:
        outbox.put(Failed(0, fault_of(error)))
        outbox.flush()
        os._exit(1)
    Thread(target=_receive, args=(frames_in, acts, desk, outbox), daemon=True).start()
    work(desk, acts, outbox)


def work(desk: Desk, acts: "SimpleQueue[Act]", outbox: Outbox) -> None:
    """Do what has come, take a step, send what it said; for ever. Sleeps while there is nothing to do."""
    busy = False
    while True:
        if not busy:
            acts.get()()
        while not acts.empty():
            acts.get()()
        busy = desk.step()
        if busy:
            outbox.flush_if_due()
        else:
            outbox.flush()


def act_on(message: ToWorker, desk: Desk, outbox: Outbox) -> None:
    """What a frame asks of the main thread."""
    match message:
        case Ask() | Count() | Embed():
            desk.accept(message)
        case Cancel(call=call):
            desk.cancel(call)
        case AskStats(call=call):
            outbox.put(Stats(call, desk.stats()))
        case Open() | Close():
            pass


def _seal(mode: SealMode) -> tuple[SealKind, TandemError | None]:
    try:
        return seal(mode), None
    except TandemError as error:
        return "none", error


def _open(frames_in: BinaryIO, outbox: Outbox, sealed: SealKind, acts: "SimpleQueue[Act]") -> Desk:
    """Load what the first frame names and say that it is ready."""
    body = read_body(frames_in)
    message = decode_to_worker(body) if body is not None else Close()
    if not isinstance(message, Open):
        os._exit(0)
    began = perf_counter()
    with telemetry_refused():  # read by the libraries when they are imported, which happens in there
        desk = open_desk(Path(message.folder), message.options, outbox, acts.put)
    about = desk.about
    outbox.put(
        Ready(
            kind=about.kind,
            seal=sealed,
            context_tokens=about.context_tokens,
            abilities=about.abilities,
            dimensions=about.dimensions,
            load_seconds=perf_counter() - began,
        )
    )
    outbox.flush()
    return desk


def _receive(frames_in: BinaryIO, acts: "SimpleQueue[Act]", desk: Desk, outbox: Outbox) -> None:
    """Pass frames on until the parent closes the pipe or dies; then end the process, whatever the model is doing."""
    try:
        while (body := read_body(frames_in)) is not None:
            message = decode_to_worker(body)
            if isinstance(message, Close):
                break
            acts.put(partial(act_on, message, desk, outbox))
    finally:
        os._exit(0)


def claim_pipes() -> tuple[BinaryIO, PipeOutbox]:
    """Keep standard output for frames and give its number to standard error."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    sys.setswitchinterval(SWITCH_SECONDS)
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, PipeOutbox(frames_out)


def _die_with_parent() -> None:
    """The terminal's Ctrl-C is for the parent. On Linux the kernel also ends this process when the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(DEATH_SIGNAL_OPTION, signal.SIGKILL)
