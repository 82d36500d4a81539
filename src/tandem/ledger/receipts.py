r"""A ledger line as a receipt: canonical JSON that names the hash of the receipt before it, and a signature over it.

    body       RFC 8785 canonical JSON of strings, whole numbers and lists only, as UTF-8
    signature  Ed25519 over b"tandem receipt 1\n" + body
    hash       sha256(body + signature), in hexadecimal; the next receipt's body holds it as "prev"

docs/receipts.md tells what that proves. The first receipt's ``prev`` is 64 zeros.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, cast

from tandem.core.ledger import LedgerLine
from tandem.ledger.keys import PublicKey, SigningKey

GENESIS = "0" * 64
FORMAT = 1
PICO = 10**12
"""Money is counted in whole pico-dollars: a millionth of the price of one token at a dollar a million."""
_MOST_MONEY = 10**6 * PICO
"""A single answer for more than a million dollars is a mistake of whoever told the price."""
_PREFIX = b"tandem receipt 1\n"
_LARGEST = 2**53 - 1
"""The largest whole number that every JSON reader holds exactly."""
_TEXT_CHARACTERS = 200
_LIST_ITEMS = 64

Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain: the number of its last receipt and that receipt's hash."""

    seq: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One line as it is stored: its number, its canonical JSON, and the signature's 64 bytes."""

    seq: int
    body: str
    signature: bytes

    @property
    def head(self) -> Head:
        """The chain's end, where this is its last receipt."""
        return Head(seq=self.seq, hash=hashlib.sha256(self.body.encode() + self.signature).hexdigest())

    def signed_by(self, key: PublicKey) -> bool:
        """Whether ``key`` signed exactly this body."""
        return key.signed(_PREFIX + self.body.encode(), self.signature)

    def names(self, key: PublicKey) -> bool:
        """Whether the body says that ``key`` signed it."""
        try:
            return self.fields().get("key") == key.id
        except (ValueError, RecursionError):
            return True  # nobody's line is nobody else's

    def fields(self) -> Body:
        """The body as a mapping, empty where it is another kind of JSON. Raises `ValueError` where it is none."""
        found: object = json.loads(self.body)
        return cast("Body", found) if isinstance(found, dict) else {}


def issue(body: Mapping[str, Any], after: Head, key: SigningKey) -> Receipt:
    """Number, chain and sign one body."""
    seq = after.seq + 1
    text = canonical({**body, "v": FORMAT, "seq": seq, "prev": after.hash, "key": key.public.id})
    return Receipt(seq=seq, body=text, signature=key.sign(_PREFIX + text.encode()))


def canonical(value: object) -> str:
    """RFC 8785 for values without fractions whose keys are ASCII: sorted keys, no spaces, letters as they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def body_of(line: LedgerLine) -> Body:
    """What a receipt says about one answer: what privacy rests on always, the rest where it says something.

    Times are whole microseconds, money and difficulty decimal texts. Names are cut after 200 characters.
    """
    always: Body = {
        "kind": "answer",
        "request_id": _text(line.request_id),
        "at_us": micro(line.at),
        "route": _text(line.route),
        "policy": _text(line.policy),
        "policy_hash": _text(line.policy_hash),
        "outcome": line.outcome,
        "place": line.place or "",
        "model": _text(line.model),
        "evidence": _text(line.evidence),
        "seal": _text(line.seal),
        "because": _texts(line.because),
        "left_bytes": whole(line.left_bytes),
        "left_to": _texts(line.left_to),
        "took_us": micro(line.seconds),
    }
    where_told: Body = {
        "asked": _text(line.asked),
        "removed": _texts(line.removed),
        "private": _texts(line.private),
        "redacted": whole(line.redacted),
        "fallbacks": whole(line.fallbacks),
        "purpose": _text(line.purpose or ""),
        "task": _text(line.task),
        "difficulty": _fraction(line.difficulty),
        "prompt_tokens": whole(line.prompt_tokens),
        "completion_tokens": whole(line.completion_tokens),
        "cached_tokens": whole(line.cached_tokens),
        "cost_usd": dollars(pico(line.cost_usd)),
        "cloud_cost_usd": dollars(pico(line.cloud_cost_usd)),
        "first_word_us": None if line.first_word_seconds is None else max(1, micro(line.first_word_seconds)),
        "error": _text(line.error or ""),
    }
    return always | {name: value for name, value in where_told.items() if value not in (None, "", 0, [])}


def line_of(body: Mapping[str, Any]) -> LedgerLine:
    """The line that a body of kind ``answer`` was made of, to a microsecond and a pico-dollar."""
    names = {"request_id", "route", "policy", "policy_hash", "outcome", "model", "evidence", "seal", "task"}
    counts = {"left_bytes", "redacted", "fallbacks", "prompt_tokens", "completion_tokens", "cached_tokens"}
    lists = {"because", "removed", "private", "left_to"}
    fields: dict[str, Any] = {name: body[name] for name in names | counts if name in body}
    fields |= {name: tuple(body[name]) for name in lists if name in body}
    fields |= {name: Decimal(body[name]) for name in ("cost_usd", "cloud_cost_usd") if name in body}
    first_word = body.get("first_word_us")
    difficulty = body.get("difficulty")
    return LedgerLine(
        at=body["at_us"] / 1e6,
        asked=body.get("asked", ""),
        place=body["place"] or None,
        seconds=body["took_us"] / 1e6,
        first_word_seconds=None if first_word is None else first_word / 1e6,
        difficulty=None if difficulty is None else float(difficulty),
        purpose=body.get("purpose"),
        error=body.get("error"),
        **fields,
    )


def pico(usd: Decimal | None) -> int | None:
    """Dollars as whole pico-dollars, ties to even; ``None`` for what is no amount."""
    if usd is None or not usd.is_finite():
        return None
    return max(0, min(int(usd.scaleb(12).to_integral_value(ROUND_HALF_EVEN)), _MOST_MONEY))


def dollars(amount: int | None) -> str | None:
    """Pico-dollars as a plain decimal text of dollars: ``0.000021``."""
    if amount is None:
        return None
    text = f"{Decimal(amount).scaleb(-12):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def micro(seconds: float) -> int:
    """Seconds as whole microseconds, within what JSON readers hold; 0 for what is no time."""
    return whole(round(seconds * 1e6)) if math.isfinite(seconds) else 0


def whole(number: int) -> int:
    """A count that every reader holds exactly: providers' numbers are strangers' numbers."""
    return max(0, min(int(number), _LARGEST))


def _fraction(value: float | None) -> str | None:
    return f"{value:.6f}" if value is not None and math.isfinite(value) else None


def _text(text: str) -> str:
    """Bounded, and free of the lone surrogates that UTF-8 cannot hold."""
    return text[:_TEXT_CHARACTERS].encode("utf-8", "replace").decode()


def _texts(texts: Iterable[str]) -> list[str]:
    return [_text(text) for text in texts][:_LIST_ITEMS]
