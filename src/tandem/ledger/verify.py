"""Whether a chain of receipts is whole: no line changed, removed, moved or added by somebody without the key.

Each receipt names the hash of the one before, so the last signature vouches for all of them: a whole chain is verified
at the speed of sha256. Where something is wrong, every signature is checked, to name the first line that is bad.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tandem.core.errors import Unavailable
from tandem.ledger.heads import read_head
from tandem.ledger.keys import KEY_FILE, KEY_FOLDER, PUBLIC_FILE, PublicKey, read_public_key
from tandem.ledger.reading import LedgerReader
from tandem.ledger.receipts import FORMAT, Body, Head, Receipt, canonical

Fault = Literal["changed", "removed", "moved", "foreign", "cut", "unknown end", "other end", "format"]
"""``changed``: a line is not what was signed; ``removed``: lines before it are missing; ``moved``: it stood elsewhere,
or twice; ``foreign``: signed by a key that is not trusted; ``cut``: lines at the end are missing; ``unknown end``: the
signed end was taken away after that line; ``other end``: the line of a kept end is another one; ``format``: written by
a newer Tandem."""

Source = Callable[[], AbstractContextManager[Iterable[Receipt]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The first thing wrong: at line ``seq``; lines from ``since`` to ``seq`` where several are meant."""

    fault: Fault
    seq: int
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found. ``lines`` were looked at, up to ``end``; ``lost_lines`` are told of by signed gaps.

    ``pruned_through`` is the last line that the owner let go, 0 where none was. ``unchecked_ends`` were asked for but
    lie before the first line that is still here.
    """

    problem: Problem | None
    lines: int
    end: Head
    lost_lines: int = 0
    pruned_through: int = 0
    unchecked_ends: tuple[Head, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the chain is whole."""
        return self.problem is None


def verify(
    source: Source,
    keys: Sequence[PublicKey],
    *,
    after: Head | None = None,
    ends: Sequence[Head] = (),
    every_signature: bool = False,
) -> Verdict:
    """Follow the chain that ``source`` opens, oldest receipt first; it is opened again where something is wrong.

    ``after`` is an end that was verified before: the source then begins with the receipt behind it. ``ends`` are ends
    that were kept elsewhere: the chain must go through each.
    """
    trusted = {key.id: key for key in keys}
    with source() as receipts:
        walk = _Walk(trusted, after=after, ends=ends, every_signature=every_signature)
        verdict = walk.along(receipts)
    if verdict.ok or every_signature:
        return verdict
    with source() as receipts:
        return _Walk(trusted, after=after, ends=ends, every_signature=True).along(receipts)


def verify_folder(
    home: Path,
    *,
    keys: Sequence[PublicKey] = (),
    after: Head | None = None,
    ends: Sequence[Head] = (),
    every_signature: bool = False,
) -> Verdict:
    """Verify the ledger of a data folder up to its signed end, with its own public key where no ``keys`` are given.

    Raises `Unavailable` where there is no ledger or no key.
    """
    trusted = keys or (own_public_key(home),)
    # Read before the ledger is opened: an end that is written meanwhile is then never ahead of what is read.
    kept = [head for key in trusted if (head := read_head(home / KEY_FOLDER, key)) is not None]
    told = (*ends, *(head for head in kept if head.seq))
    reader = LedgerReader(home)
    verdict = verify(
        lambda: reader.chain(after.seq if after else 0),
        trusted,
        after=after,
        ends=told,
        every_signature=every_signature,
    )
    if verdict.ok and not kept and verdict.lines:
        return replace(verdict, problem=_problem("unknown end", verdict.end.seq))
    return verdict


def own_public_key(home: Path) -> PublicKey:
    """The public key of a data folder. Raises `Unavailable` where it has none yet."""
    folder = home / KEY_FOLDER
    for name in (KEY_FILE, PUBLIC_FILE):
        try:
            return read_public_key(folder / name)
        except OSError:
            continue
    raise Unavailable(f"There is no key in {folder} yet: it is made when `tandem serve` first starts.")


def read_export(file: Path) -> Iterator[Receipt]:
    """The receipts of an export, in its order: lines of ``{"receipt": {...}, "signature": "hex"}``.

    Raises `Unavailable` naming the first line that is none.
    """
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _exported(line, f"{file}, line {number}")


def exported(receipt: Receipt) -> Mapping[str, Any]:
    """A receipt as one line of an export."""
    return {"receipt": receipt.fields(), "signature": receipt.signature.hex()}


def _exported(line: str, where: str) -> Receipt:
    try:
        entry = json.loads(line)
        body = entry["receipt"]
        return Receipt(seq=int(body["seq"]), body=canonical(body), signature=bytes.fromhex(entry["signature"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"{where} is no receipt. Export again: tandem receipts list --jsonl") from error


@dataclass(slots=True)
class _Walk:
    """One pass along a chain. Nothing that a body says is believed before its shape was looked at."""

    trusted: Mapping[str, PublicKey]
    after: Head | None = None
    ends: Sequence[Head] = ()
    every_signature: bool = False
    _last: Receipt | None = None
    _last_key: PublicKey | None = None
    _end: Head = field(default_factory=Head)
    _first: int = 0
    _lines: int = 0
    _lost: int = 0
    _pruned: dict[int, Head] = field(default_factory=dict[int, Head])
    _owed: Head | None = None
    """The end of the lines before the first, which a receipt of kind ``pruned`` must still account for."""

    def along(self, receipts: Iterable[Receipt]) -> Verdict:
        self._end = self.after or Head()
        problem = next((found for receipt in receipts if (found := self._step(receipt)) is not None), None)
        return Verdict(
            problem=problem or self._at_the_end(),
            lines=self._lines,
            end=self._end,
            lost_lines=self._lost,
            pruned_through=max(self._pruned, default=0),
            unchecked_ends=tuple(end for end in self.ends if end.seq < self._first and end != self._known(end.seq)),
        )

    def _step(self, receipt: Receipt) -> Problem | None:
        body = _read(receipt)
        if body is None:
            return _problem("changed", receipt.seq)
        key = self.trusted.get(str(body.get("key")))
        problem = self._own_fault(receipt, body, key) or self._place_fault(receipt, body)
        if problem is not None:
            return problem
        self._note(body)
        self._last, self._last_key, self._end = receipt, key, receipt.head
        self._lines += 1
        if body.get("kind") == "unended":
            return _problem("unknown end", receipt.seq - 1)
        wrong = any(end.seq == receipt.seq and end != self._end for end in self.ends)
        return _problem("other end", receipt.seq) if wrong else None

    def _own_fault(self, receipt: Receipt, body: Body, key: PublicKey | None) -> Problem | None:
        """What is wrong with the line by itself, or with the last line of the key before."""
        if self._last is not None and key is not self._last_key and not self._last_is_signed():
            return _problem("changed", self._last.seq)
        if key is None:
            return _problem("foreign", receipt.seq)
        if self.every_signature and not receipt.signed_by(key):
            return _problem("changed", receipt.seq)
        return _problem("format", receipt.seq) if body.get("v") != FORMAT else None

    def _place_fault(self, receipt: Receipt, body: Body) -> Problem | None:
        """What is wrong with where the line stands."""
        if self._last is None:
            self._first = receipt.seq
            if receipt.seq > self._end.seq + 1:
                self._owed = self._end = Head(seq=receipt.seq - 1, hash=str(body.get("prev")))
        expected = self._end.seq + 1
        if receipt.seq > expected:
            return _problem("removed", receipt.seq - 1, since=expected)
        if receipt.seq < expected or body.get("seq") != receipt.seq or body.get("prev") != self._end.hash:
            return _problem("moved", receipt.seq)
        return None

    def _note(self, body: Body) -> None:
        lost, through = body.get("lost"), body.get("through")
        if body.get("kind") == "gap" and isinstance(lost, int):
            self._lost += lost
        if body.get("kind") == "pruned" and isinstance(through, int):
            self._pruned[through] = Head(seq=through, hash=str(body.get("hash")))
            if self._pruned[through] == self._owed:
                self._owed = None

    def _at_the_end(self) -> Problem | None:
        if self._last is not None and not self._last_is_signed():
            return _problem("changed", self._last.seq)
        if self._owed is not None:
            return _problem("removed", self._owed.seq, since=1 + (self.after.seq if self.after else 0))
        furthest = max((end.seq for end in self.ends), default=0)
        if furthest > self._end.seq:
            return _problem("cut", furthest, since=self._end.seq + 1)
        wrong = (end.seq for end in self.ends if self._known(end.seq) not in {None, end})
        return next((_problem("other end", seq) for seq in wrong), None)

    def _known(self, seq: int) -> Head | None:
        """The end at a line that is not here itself, where one is vouched for."""
        return self.after if self.after is not None and self.after.seq == seq else self._pruned.get(seq)

    def _last_is_signed(self) -> bool:
        return self._last is not None and self._last_key is not None and self._last.signed_by(self._last_key)


def _read(receipt: Receipt) -> Body | None:
    try:
        return receipt.fields() or None
    except (ValueError, RecursionError):
        return None


def _problem(fault: Fault, seq: int, since: int | None = None) -> Problem:
    return Problem(fault=fault, seq=seq, since=seq if since is None else since)
