"""Sentences with private numbers at known places, and as many without: made afresh from a seed, never read from a set.

Hard negatives are numbers that pass the same checksums but are orders,
invoices, parts, books and hashes, and numbers of the right shape whose control digit is wrong.
"""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stdnum import iban, luhn
from stdnum.pl import nip, pesel, regon

from bench.private_templates import TEMPLATES


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text and its private spans as (label, start, end), in code points."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


def sentences(seed: int, count: int, templates: str = "first") -> list[Sentence]:
    """``count`` sentences of one set of templates, about two in five of them hard negatives."""
    lots = random.Random(seed)
    positive, negative = TEMPLATES[templates]
    return [_filled(lots, lots.choice(positive if lots.random() < 0.6 else negative)) for _ in range(count)]


def _filled(lots: random.Random, template: str) -> Sentence:
    text, spans = "", list[tuple[str, int, int]]()
    for at, part in enumerate(template.split("|")):
        if at % 2 == 0:
            text += part
            continue
        value = _MAKERS[part](lots)
        label = _LABELS.get(part)
        if label:
            spans.append((label, len(text), len(text) + len(value)))
        text += value
    return Sentence(text, tuple(spans))


def _digits(lots: random.Random, count: int) -> str:
    return "".join(lots.choices(string.digits, k=count))


def _until(make: Callable[[], str], holds: Callable[[str], bool]) -> str:
    while not holds(made := make()):
        pass
    return made


def _pesel(lots: random.Random) -> str:
    year, day = lots.randrange(1930, 2020), lots.randrange(1, 29)
    month = lots.randrange(1, 13) + (20 if year >= 2000 else 0)
    body = f"{year % 100:02}{month:02}{day:02}{_digits(lots, 4)}"
    number = body + pesel.calc_check_digit(body)
    return lots.choice([number, number, number, number, f"{number[:6]} {number[6:]}", f"{number[:6]}-{number[6:]}"])


def _bad_pesel(lots: random.Random) -> str:
    number = _pesel(random.Random(lots.random())).replace(" ", "").replace("-", "")
    return number[:-1] + str((int(number[-1]) + lots.randrange(1, 10)) % 10)


def _nip_digits(lots: random.Random) -> str:
    return _until(lambda: str(lots.randrange(1, 10)) + _digits(lots, 9), nip.is_valid)


def _nip(lots: random.Random) -> str:
    number = _nip_digits(lots)
    return lots.choice(
        [
            number,
            number,
            f"{number[:3]}-{number[3:6]}-{number[6:8]}-{number[8:]}",
            f"PL{number}",
            f"PL {number}",
            f"{number[:3]}-{number[3:5]}-{number[5:7]}-{number[7:]}",
            f"{number[:3]} {number[3:6]} {number[6:8]} {number[8:]}",
        ]
    )


def _bad_nip(lots: random.Random) -> str:
    return _until(lambda: str(lots.randrange(1, 10)) + _digits(lots, 9), lambda number: not nip.is_valid(number))


def _regon(lots: random.Random) -> str:
    nine = _until(lambda: _digits(lots, 9), regon.is_valid)
    return nine if lots.random() < 0.7 else _until(lambda: nine + _digits(lots, 5), regon.is_valid)


def _nine(lots: random.Random) -> str:
    return _until(lambda: _digits(lots, 9), regon.is_valid)


def _bad_regon(lots: random.Random) -> str:
    return _until(lambda: _digits(lots, 9), lambda number: not regon.is_valid(number))


def _id_sum(code: str) -> int:
    return sum(int(char, 36) * weight for char, weight in zip(code, (7, 3, 1, 9, 7, 3, 1, 7, 3), strict=True)) % 10


def _id_card(lots: random.Random) -> str:
    letters = "".join(lots.choices("ABCDEFGHIJKLMNPRSTUVWXYZ", k=3))
    code = _until(lambda: letters + _digits(lots, 6), lambda code: _id_sum(code) == 0)
    return lots.choice([code, code, f"{code[:3]} {code[3:]}"])


def _bad_id_card(lots: random.Random) -> str:
    return _until(
        lambda: "".join(lots.choices("ABCDEFGHIJKLMNPRSTUVWXYZ", k=3)) + _digits(lots, 6),
        lambda code: _id_sum(code) > 0,
    )


def _iban(lots: random.Random) -> str:
    country, size = lots.choice(
        [("PL", 24), ("PL", 24), ("DE", 18), ("ES", 20), ("LT", 16), ("BE", 12), ("CZ", 20), ("PT", 21)]
    )
    body = _digits(lots, size)
    number = country + iban.calc_check_digits(f"{country}00{body}") + body
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return lots.choice([number, spaced, number.lower()])


def _account(lots: random.Random) -> str:
    body = _digits(lots, 24)
    number = iban.calc_check_digits(f"PL00{body}") + body
    return lots.choice([number, number[:2] + "".join(f" {number[at : at + 4]}" for at in range(2, 26, 4))])


def _card(lots: random.Random) -> str:
    prefix, size = lots.choice(
        [
            ("4", 16),
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("3530", 16),
            ("36", 14),
        ]
    )
    body = prefix + _digits(lots, size - len(prefix) - 1)
    number = body + luhn.calc_check_digit(body)
    if size != 16:
        return number
    return lots.choice([number, *(sign.join(number[at : at + 4] for at in range(0, 16, 4)) for sign in " -")])


def _bad_card(lots: random.Random) -> str:
    return _until(lambda: "4" + _digits(lots, 15), lambda number: not luhn.is_valid(number))


def _imei(lots: random.Random) -> str:
    body = "35" + _digits(lots, 12)
    return body + luhn.calc_check_digit(body)


def _ssn(lots: random.Random) -> str:
    area = _until(lambda: f"{lots.randrange(1, 900):03}", lambda area: area != "666")
    sign = lots.choice(["-", "-", "-", " "])
    return f"{area}{sign}{lots.randrange(1, 100):02}{sign}{lots.randrange(1, 10000):04}"


def _email(lots: random.Random) -> str:
    name = lots.choice(
        ["anna.lis", "jk", "biuro", "m_wrona", "o'hara", "kontakt+faktury", "x.y.z", "first.last"]
    ) + _digits(lots, lots.randrange(3))
    host = lots.choice(
        [
            "wp.pl",
            "poczta.onet.pl",
            "gmail.com",
            "firma-abc.com.pl",
            "uni.edu",
            "żółw.pl",
            "mail.co.uk",
            "xn--bcher-kva.example",
        ]
    )
    return f"{name}@{host}"


def _ip(lots: random.Random) -> str:
    if lots.random() < 0.25:
        return ":".join(f"{lots.randrange(0x1000, 0xFFFF):x}" for _ in range(8))
    return f"{lots.randrange(1, 224)}.{lots.randrange(256)}.{lots.randrange(256)}.{lots.randrange(1, 255)}"


def _phone(lots: random.Random) -> str:
    kind = lots.randrange(7)
    if kind < 3:
        number = lots.choice(["50", "51", "53", "57", "60", "66", "69", "72", "78", "79", "88"]) + _digits(lots, 7)
        shown = lots.choice(
            [number, f"{number[:3]} {number[3:6]} {number[6:]}", f"{number[:3]}-{number[3:6]}-{number[6:]}"]
        )
        return lots.choice(["", "", "+48 ", "+48", "0048 "]) + shown
    area = _until(lambda: f"{lots.randrange(201, 990)}", lambda code: code[1:] != "11" and code[1] != "9")
    exchange, line = f"{lots.randrange(200, 999)}", _digits(lots, 4)
    if kind < 5:
        return lots.choice(
            [
                f"({area}) {exchange}-{line}",
                f"{area}-{exchange}-{line}",
                f"+1 {area} {exchange} {line}",
                f"{area}.{exchange}.{line}",
            ]
        )
    if kind == 5:
        return f"+44 20 7{_digits(lots, 3)} {_digits(lots, 4)}"
    return f"+49 30 {lots.randrange(200000, 999999)}{_digits(lots, 2)}"


def _isbn(lots: random.Random) -> str:
    body = "97883" + _digits(lots, 7)
    check = (10 - sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body)) % 10) % 10
    return f"{body}{check}"


def _hex(lots: random.Random) -> str:
    return "".join(lots.choices("0123456789abcdef", k=40))


def _version(lots: random.Random) -> str:
    return f"{lots.randrange(1, 20)}.{lots.randrange(30)}.{lots.randrange(10)}.{lots.randrange(2000, 9000)}"


def _stamp(lots: random.Random) -> str:
    return str(lots.randrange(1_500_000_000, 1_800_000_000))


_MAKERS: Final[dict[str, Callable[[random.Random], str]]] = {
    "pesel": _pesel,
    "badpesel": _bad_pesel,
    "nip": _nip,
    "nipdigits": _nip_digits,
    "badnip": _bad_nip,
    "regon": _regon,
    "nine": _nine,
    "badregon": _bad_regon,
    "id": _id_card,
    "idlike": _id_card,
    "badid": _bad_id_card,
    "iban": _iban,
    "account": _account,
    "card": _card,
    "badcard": _bad_card,
    "imei": _imei,
    "ssn": _ssn,
    "email": _email,
    "ip": _ip,
    "phone": _phone,
    "isbn": _isbn,
    "hex": _hex,
    "version": _version,
    "stamp": _stamp,
    "n10": lambda lots: _digits(lots, 10),
    "n11": lambda lots: _digits(lots, 11),
    "n4": lambda lots: _digits(lots, 4),
}
_LABELS: Final = {
    "pesel": "PESEL",
    "nip": "NIP",
    "regon": "REGON",
    "id": "ID_CARD",
    "iban": "IBAN",
    "account": "IBAN",
    "card": "CREDIT_CARD",
    "ssn": "SSN",
    "email": "EMAIL",
    "ip": "IP_ADDRESS",
    "phone": "PHONE",
}
