"""The `Ledger` that keeps its lines: recorded at once in memory, written by one thread, in groups, as signed receipts.

Answering never waits for it and never fails by it. Where the disk is full, locked, read-only or damaged, `trouble`
says so, lines wait in memory up to a bound, and what did not fit is told by a signed gap once writing works again.
Several processes may share a data folder: a chain's end is read inside the transaction that goes on from it.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Self

from tandem.core.errors import TandemError
from tandem.core.ledger import LedgerLine
from tandem.ledger.accounts import add, month_of, spent_pico
from tandem.ledger.heads import chain_end, insert, open_head, write_head
from tandem.ledger.keys import KEY_FOLDER, SigningKey, open_key
from tandem.ledger.pruning import prune
from tandem.ledger.receipts import Head, issue, micro
from tandem.ledger.schema import LEDGER_FILE, check_version, open_to_write, transaction
from tandem.ledger.waiting import Item, Waiting, bodies

LOG = logging.getLogger(__name__)

_IDLE_SECONDS = 1.0
_DAY_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOptions:
    """How lines are kept.

    ``group_seconds`` is how long a line may wait for others of its transaction, ``batch_lines`` the most of one
    transaction, ``memory_lines`` how many are held where the disk takes none. ``patience_seconds`` is how long another
    process's transaction is waited for, ``retry_seconds`` the pause after a failure. Lines older than ``keep_days``
    are pruned, their sums are not; ``None`` keeps every line.
    """

    group_seconds: float = 0.05
    batch_lines: int = 256
    memory_lines: int = 20_000
    patience_seconds: float = 5.0
    retry_seconds: float = 1.0
    keep_days: int | None = None


class SqliteLedger:
    """A `Ledger` in ``home/ledger.sqlite``, signed with ``home/keys/receipts.pem``. Enter it to start its writer.

    ``clock`` gives Unix seconds. Leaving writes what waits, for at most five seconds.
    """

    def __init__(
        self, home: Path, *, options: LedgerOptions | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = home / LEDGER_FILE
        self._keys = home / KEY_FOLDER
        self._options = options or LedgerOptions()
        self._clock = clock
        self._waiting = Waiting(self._options.memory_lines)
        self._work = threading.Event()
        self._closing = threading.Event()
        self._looked = threading.Event()
        self._written = threading.Condition()
        self._writer = threading.Thread(target=self._write_on, name="tandem-ledger", daemon=True)
        self._trouble = ""
        self._opened: _Opened | None = None
        self._pruned_at = 0.0

    def __enter__(self) -> Self:
        self._writer.start()
        # The month's money should be known before the first answer; a disk that hangs must not keep the server away.
        self._looked.wait(self._options.patience_seconds)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def trouble(self) -> str:
        """Why lines are not being written now, as a sentence for people; empty while all is well."""
        return self._trouble

    @property
    def waiting_lines(self) -> int:
        """Lines that are not on the disk yet."""
        return self._waiting.recorded - self._waiting.settled

    @property
    def lost_lines(self) -> int:
        """Lines that found no room in memory and of which no gap on the disk tells yet."""
        return self._waiting.lost

    def record(self, line: LedgerLine) -> None:
        """Keep one line for good; returns at once."""
        self._waiting.put(line)
        if not self._work.is_set():
            self._work.set()

    def spent_usd(self) -> Decimal:
        """What this calendar month (UTC) has cost so far, answers that have just ended included.

        Other processes of this data folder are counted a second after they wrote.
        """
        return self._waiting.spent_usd(month_of(micro(self._clock())))

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until everything recorded so far is on the disk. False where that took too long."""
        goal = self._waiting.recorded
        with self._written:
            return self._written.wait_for(lambda: self._waiting.settled >= goal, timeout_seconds)

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Write what waits and let the file go. What cannot be written in time is lost, and the log says so."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._work.set()
        self._writer.join(timeout_seconds)
        if left := self.waiting_lines:
            LOG.warning("The ledger closes with %d lines unwritten. %s", left, self._trouble)

    def _write_on(self) -> None:
        """The writer's life: wait for lines, gather a group, commit it."""
        try:
            while True:
                done = self._turn()
                self._looked.set()
                with self._written:
                    self._written.notify_all()
                if self._closing.is_set() and (not done or not self.waiting_lines):
                    return
                if not done:
                    self._closing.wait(self._options.retry_seconds)
                    continue
                if not self.waiting_lines:
                    self._work.wait(_IDLE_SECONDS)
                self._work.clear()
                if self.waiting_lines < self._options.batch_lines:
                    self._closing.wait(self._options.group_seconds)
        finally:
            self._let_go()
            if not self._closing.is_set():
                self._trouble = "The ledger's writer has ended; lines are kept in memory only. Start the server again."

    def _turn(self) -> bool:
        """Write one group, or look what others wrote. False where that failed."""
        try:
            opened = self._open()
            if items := self._waiting.batch(self._options.batch_lines):
                written = self._commit(opened, items)
                self._waiting.settle(items, written)
                write_head(self._keys, opened.end, opened.key)
            else:
                self._glance(opened)
                self._prune_daily(opened)
        except (sqlite3.Error, OSError, TandemError) as error:
            self._waiting.keep()
            self._let_go()
            self._tell(error)
            return False
        if self._trouble:
            LOG.warning("The ledger is written again.")
        self._trouble = ""
        return True

    def _open(self) -> "_Opened":
        """The open file, opened again where it was moved away or replaced."""
        if self._opened is not None:
            if self._opened.is_still(self._file):
                return self._opened
            self._let_go()
        key = open_key(self._keys)
        db = open_to_write(self._file, self._options.patience_seconds)
        with transaction(db):
            end, end_was_taken = open_head(db, self._keys, key)
        inode = self._file.stat().st_ino
        self._opened = _Opened(db=db, key=key, inode=inode, end=end, end_was_taken=end_was_taken)
        self._waiting.know(spent_pico(db, [month_of(micro(self._clock()))]))
        return self._opened

    def _commit(self, opened: "_Opened", items: Sequence[Item]) -> dict[str, int]:
        """Number, chain, sign and write one group. Returns what the months that it touches have cost."""
        made = bodies(items)
        if opened.end_was_taken:
            made.insert(0, {"kind": "unended", "at_us": micro(self._clock())})
        months = {month_of(body["at_us"]) for body in made} | {month_of(micro(self._clock()))}
        with transaction(opened.db):
            check_version(opened.db, self._file)
            end = chain_end(opened.db, opened.end, opened.key.public)
            for body in made:
                receipt = issue(body, end, opened.key)
                insert(opened.db, receipt)
                end = receipt.head
            add(opened.db, made)
            spent = spent_pico(opened.db, months)
        opened.end, opened.end_was_taken = end, False
        return spent

    def _glance(self, opened: "_Opened") -> None:
        """Count what other processes spent."""
        version = opened.db.execute("PRAGMA data_version").fetchone()[0]
        if version != opened.version:
            opened.version = version
            self._waiting.know(spent_pico(opened.db, [month_of(micro(self._clock()))]))

    def _prune_daily(self, opened: "_Opened") -> None:
        keep_days, now = self._options.keep_days, self._clock()
        if keep_days is None or now - self._pruned_at < _DAY_SECONDS:
            return
        opened.end = prune(opened.db, opened.key, opened.end, now=now, keep_seconds=keep_days * _DAY_SECONDS)
        write_head(self._keys, opened.end, opened.key)
        self._pruned_at = now

    def _let_go(self) -> None:
        if self._opened is not None:
            self._opened.db.close()
            self._opened = None

    def _tell(self, error: Exception) -> None:
        """Say what is wrong: always as `trouble`, in the log when it begins or becomes another."""
        trouble = error.message if isinstance(error, TandemError) else _sentence(self._file, error)
        if trouble != self._trouble:
            LOG.warning("%s Answers go on; their lines wait in memory.", trouble)
        self._trouble = trouble


@dataclass(slots=True, kw_only=True)
class _Opened:
    """The open file: ``end`` is the last receipt that this process vouches for, ``version`` what it last saw of others.

    ``end_was_taken`` tells that the chain has lines and no signed end: the next line says so.
    """

    db: sqlite3.Connection
    key: SigningKey
    inode: int
    end: Head
    end_was_taken: bool
    version: int = -1

    def is_still(self, file: Path) -> bool:
        """Whether the open file is the one of that name."""
        try:
            return file.stat().st_ino == self.inode
        except OSError:
            return False


def _sentence(file: Path, error: Exception) -> str:
    return (
        f"The ledger at {file} cannot be written: {error}. "
        "Free the disk, make the folder writable, or move a damaged file away."
    )
