"""Inventing stand-ins: the same kind, the same shape, nobody's. Numbers come from ranges that are never given out.

Each maker yields candidates without end; the caller takes the first that collides with nothing.
"""

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final

from tandem.routing.private import checksums

_MONTHS: Final = re.compile(r"[^\W\d_]{3,}")
_WORDS: Final = (
    "bra",
    "del",
    "fon",
    "gri",
    "hul",
    "jor",
    "kem",
    "lis",
    "mur",
    "nop",
    "rud",
    "sev",
    "tam",
    "vok",
    "zyl",
)


def candidates(label: str, original: str, number: int) -> Iterator[str]:
    """Stand-ins for ``original``, the ``number``-th thing of this request to be hidden."""
    make = _MAKERS.get(label, _other_number)
    attempt = 0
    while True:
        yield make(original, _Dice(f"{label} {number} {attempt}"))
        attempt += 1


class _Dice:
    """Digits that look random and are the same every time; nothing in them comes from the original."""

    def __init__(self, seed: str) -> None:
        self._pool = str(int(sha256(seed.encode()).hexdigest(), 16))

    def digits(self, count: int) -> str:
        """The next ``count`` digits."""
        while len(self._pool) < count:
            self._pool += str(int(sha256(self._pool.encode()).hexdigest(), 16))
        drawn, self._pool = self._pool[:count], self._pool[count:]
        return drawn

    def below(self, limit: int) -> int:
        """A number below ``limit`` (at most 1,000)."""
        return int(self.digits(5)) % limit


def _laid(original: str, digits: str, letters: str = "") -> str:
    """New digits and letters in the places of the old ones; what is neither stays."""
    new_digits, new_letters = iter(digits), iter(letters)
    written: list[str] = []
    for char in original:
        if char.isdigit():
            written.append(next(new_digits, ""))
        elif char.isalpha():
            letter = next(new_letters, "x")
            written.append(letter.lower() if char.islower() else letter)
        elif not char.isprintable():
            continue
        else:
            written.append(char)
    return "".join(written)


def _count(original: str) -> int:
    return sum(map(str.isdigit, original))


def _pesel(original: str, dice: _Dice) -> str:
    """A control digit that is right, in a month that does not exist."""
    body = f"{dice.digits(2)}99{dice.digits(6)}"
    control = (10 - checksums.weighed(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10
    return _laid(original, f"{body}{control}")


def _nip(original: str, dice: _Dice) -> str:
    """Of tax office 000, which does not exist."""
    while True:
        body = f"000{dice.digits(6)}"
        control = checksums.weighed(body, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11
        if control < 10:
            return _laid(original, f"{body}{control}", "PL")


def _regon(original: str, dice: _Dice) -> str:
    body = f"98{dice.digits(6)}"
    nine = f"{body}{checksums.weighed(body, (8, 9, 2, 3, 4, 5, 6, 7)) % 11 % 10}"
    return _laid(original, nine + dice.digits(max(0, _count(original) - 9)))


def _id_card(original: str, dice: _Dice) -> str:
    """Of a series with Q, a letter that no series has."""
    letters, tail = "QQ" + "ABCDEFGHIJ"[dice.below(10)], dice.digits(5)
    return _laid(original, _controlled(letters, tail, (7, 3, 1), (7, 3, 1, 7, 3)), letters)


def _passport(original: str, dice: _Dice) -> str:
    letters, tail = "QQ", dice.digits(6)
    return _laid(original, _controlled(letters, tail, (7, 3), (1, 7, 3, 1, 7, 3)) + dice.digits(2), letters)


def _controlled(letters: str, tail: str, first: tuple[int, ...], rest: tuple[int, ...]) -> str:
    total = sum(int(char, 36) * weight for char, weight in zip(letters, first, strict=True))
    total += checksums.weighed(tail, rest)
    return f"{total * -9 % 10}{tail}"


def _iban(original: str, dice: _Dice) -> str:
    """Of the same country and length, of a bank whose code begins with zeros, with the right control digits."""
    code = "".join(filter(str.isalnum, original)).upper()
    country = code[:2] if code[:2].isalpha() else ""
    body = "".join("X" if char.isalpha() else dice.digits(1) for char in code[len(country) + 2 :])
    body = "".join("0" if at < 2 and char.isdigit() else char for at, char in enumerate(body))
    turned = "".join(str(int(char, 36)) for char in f"{body}{country or 'PL'}00")
    control = f"{98 - int(turned) % 97:02}"
    digits = "".join(filter(str.isdigit, control + body))
    return _laid(original, digits, country + "X" * len(body))


def _card(original: str, dice: _Dice) -> str:
    """A payment card of the range 4000 00, which networks use for tests, or of one that no network has."""
    size = max(_count(original), 8)
    prefix = "400000" if "000" not in original and "4000" not in original else "987654"
    body = f"{prefix}{dice.digits(size - 7)}"
    return _laid(original, next(body + digit for digit in "0123456789" if checksums.is_luhn(body + digit)))


def _email(_original: str, dice: _Dice) -> str:
    host = ("example.com", "example.org", "example.net", "mail.test", "post.invalid")[dice.below(5)]
    return f"{_WORDS[dice.below(15)]}{_WORDS[dice.below(15)]}{dice.digits(2)}@{host}"


def _phone(original: str, dice: _Dice) -> str:
    """The same country and grouping: the American 555-01xx, elsewhere an area of zeros."""
    size = _count(original)
    digits = "".join(filter(str.isdigit, original))
    kept = _country_code(original, digits)
    left = size - len(kept)
    american = (kept in {"1", "001"} or not kept) and left == 10
    body = f"20{dice.digits(1)}55501{dice.digits(2)}" if american else f"000{dice.digits(max(0, left - 3))}"
    return _laid(original, (kept + body)[:size])


def _country_code(original: str, digits: str) -> str:
    """The digits of a written country prefix."""
    if original.lstrip("( ").startswith("+"):
        told = re.match(r"[( ]*\+ ?([0-9]{1,3})(?![0-9])", original)
        if told:
            return told.group(1)
        return "1" if digits[:1] in {"1", "7"} else digits[:2]
    return digits[:4] if digits.startswith("00") and len(digits) > 10 else ""


def _ip(original: str, dice: _Dice) -> str:
    """Of the ranges kept for documents: RFC 5737, RFC 3849 and RFC 6666."""
    if ":" in original:
        net = "100:" if "2001" in original else "2001:db8:"
        return f"{net}:{dice.below(999) + 1:x}:{dice.below(999) + 1:x}"
    net = ("192.0.2", "198.51.100", "203.0.113")[dice.below(3)]
    return f"{net}.{dice.below(254) + 1}"


def _ssn(original: str, dice: _Dice) -> str:
    return _laid(original, f"000{dice.digits(6)}")


def _secret(_original: str, dice: _Dice) -> str:
    letters = "".join("bcdfghjkmnpqrstvwxz"[int(pair) % 19] for pair in re.findall("..", dice.digits(40)))
    return f"hidden_{letters}"


def _address(original: str, dice: _Dice) -> str:
    polish = re.search(r"\b(?:ul|al|os|pl)\b|[0-9]{2}-[0-9]{3}|[ąćęłńóśźż]", original, re.IGNORECASE)
    word = (_WORDS[dice.below(15)] + _WORDS[dice.below(15)]).capitalize()
    house = dice.below(900) + 100
    if polish:
        return f"ul. {word}owa {house}, 00-00{dice.below(10)} {_WORDS[dice.below(15)].capitalize()}owo"
    return f"{house} {word} Street, {_WORDS[dice.below(15)].capitalize()}ville"


def _birth(original: str, dice: _Dice) -> str:
    """A day of the years 1901 to 1909, written in the same way where it is written in digits."""
    year, month, day = f"190{dice.below(9) + 1}", f"{dice.below(12) + 1:02}", f"{dice.below(28) + 1:02}"
    sizes = tuple(map(len, re.findall("[0-9]+", original)))
    if _MONTHS.search(original) or not sizes:
        return f"{year}-{month}-{day}"
    digits = {4: year, 3: year[:3]}
    spare = iter((day, month, year[2:]))
    return re.sub("[0-9]+", lambda found: digits.get(len(found.group())) or next(spare, day), original)


def _term(_original: str, dice: _Dice) -> str:
    return "".join(_WORDS[dice.below(15)] for _ in range(3)).capitalize()


def _other_number(original: str, dice: _Dice) -> str:
    """Digits for digits and X for letters: a number of a register that this file does not know better."""
    return _laid(original, dice.digits(_count(original)), "X" * len(original))


_MAKERS: Final[dict[str, Callable[[str, _Dice], str]]] = {
    "PESEL": _pesel,
    "NIP": _nip,
    "REGON": _regon,
    "ID_CARD": _id_card,
    "PASSPORT": _passport,
    "IBAN": _iban,
    "CREDIT_CARD": _card,
    "EMAIL": _email,
    "PHONE": _phone,
    "IP_ADDRESS": _ip,
    "SSN": _ssn,
    "SECRET": _secret,
    "ADDRESS": _address,
    "DATE_OF_BIRTH": _birth,
    "TERM": _term,
}
