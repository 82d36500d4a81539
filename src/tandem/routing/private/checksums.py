"""Control digits, by the arithmetic that each register publishes. All take bare digits (or letters and digits).

The hot path cannot afford a general library; the tests hold every function here against ``python-stdnum``.
"""

from datetime import date
from functools import cache
from operator import mul
from typing import Final

_PESEL: Final = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
_NIP: Final = (6, 5, 7, 2, 3, 4, 5, 6, 7)
_REGON: Final = (8, 9, 2, 3, 4, 5, 6, 7)
_REGON_14: Final = (2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)
_ID_CARD: Final = (7, 3, 1, 9, 7, 3, 1, 7, 3)
_PASSPORT: Final = (7, 3, 9, 1, 7, 3, 1, 7, 3)
_CENTURIES: Final = {0: 1900, 20: 2000, 40: 2100, 60: 2200, 80: 1800}
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def weighed(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of digits times weights, as far as the shorter of the two reaches."""
    return sum(map(mul, map(int, digits), weights))


def is_pesel(digits: str) -> bool:
    """Eleven digits: a birth date with the century in its month, a serial, a control digit."""
    if len(digits) != 11 or (10 - weighed(digits, _PESEL) % 10) % 10 != int(digits[10]):
        return False
    year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    return is_day(_CENTURIES[month // 20 * 20] + year, month % 20, day)


def is_day(year: int, month: int, day: int) -> bool:
    """Whether the calendar has that day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_nip(digits: str) -> bool:
    """Ten digits; the last is the weighted sum modulo 11, which may not be ten. No tax office has a zero in front."""
    if len(digits) != 10 or digits[0] == "0" or len(set(digits)) == 1:
        return False
    return weighed(digits, _NIP) % 11 == int(digits[9])


def is_regon(digits: str) -> bool:
    """Nine digits, or fourteen for a local unit, whose first nine are those of its parent."""
    if len(digits) not in {9, 14} or len(set(digits)) == 1:
        return False
    if weighed(digits, _REGON) % 11 % 10 != int(digits[8]):
        return False
    return len(digits) == 9 or weighed(digits, _REGON_14) % 11 % 10 == int(digits[13])


def is_id_card(code: str) -> bool:
    """A Polish identity card: three capital letters and six digits, the first of which controls the rest."""
    return _letters_and_digits(code, _ID_CARD, letters=3)


def is_passport(code: str) -> bool:
    """A Polish passport: two capital letters and seven digits, the first of which controls the rest."""
    return _letters_and_digits(code, _PASSPORT, letters=2)


def _letters_and_digits(code: str, weights: tuple[int, ...], *, letters: int) -> bool:
    if len(code) != 9 or not code[letters:].isdecimal() or not code.isascii() or not code[:letters].isupper():
        return False
    return sum(int(char, 36) * weight for char, weight in zip(code, weights, strict=True)) % 10 == 0


def is_luhn(digits: str) -> bool:
    """Luhn's sum (ISO/IEC 7812-1), not all zeros."""
    total = sum(map(int, digits[-1::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0 and total > 0


def is_iban(code: str) -> bool:
    """Capital letters and digits; the length is the country's (SWIFT's registry) and the number modulo 97 is one."""
    if iban_lengths().get(code[:2]) != len(code) or not code[2:4].isdecimal():
        return False
    turned = code[4:] + code[:4]
    number = turned if turned.isdecimal() else "".join(str(int(char, 36)) for char in turned)
    return int(number) % 97 == 1


def is_polish_account(digits: str) -> bool:
    """Twenty-six digits: a Polish IBAN without its two letters."""
    return len(digits) == 26 and int(digits[2:] + "2521" + digits[:2]) % 97 == 1


@cache
def iban_lengths() -> dict[str, int]:
    """The whole length of an IBAN by country (SWIFT's IBAN registry, release 101, and what banks publish besides)."""
    written = (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 "
        "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
        "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 "
        "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 "
        "VG24 XK20 YE30 AO25 BF28 BJ28 CF27 CG27 CI28 CM27 CV25 DZ26 GA27 GQ27 GW25 IR26 KM27 MA28 MG27 ML28 MZ25 "
        "NE28 SN28 TD27 TG28"
    )
    return {item[:2]: int(item[2:]) for item in written.split()}


_CARD_BRANDS: Final = (
    ("4", (13, 16, 19)),
    ("51 52 53 54 55 2221-2720", (16,)),
    ("34 37", (15,)),
    ("300-305 309 36 38 39", (14, 16, 17, 18, 19)),
    ("6011 622126-622925 644-649 65", (16, 17, 18, 19)),
    ("3528-3589", (16, 17, 18, 19)),
    ("1800 2131", (15,)),
    ("5018 5020 5038 5893 6304 6759 6761 6762 6763", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("62 81", (16, 17, 18, 19)),
    ("2200-2204", (16, 17, 18, 19)),
    ("60 65 81 82 508", (16,)),
)


@cache
def _card_ranges() -> tuple[tuple[int, int, int, frozenset[int]], ...]:
    ranges: list[tuple[int, int, int, frozenset[int]]] = []
    for prefixes, lengths in _CARD_BRANDS:
        for prefix in prefixes.split():
            low, _, high = prefix.partition("-")
            ranges.append((len(low), int(low), int(high or low), frozenset(lengths)))
    return tuple(ranges)


def is_card_of_a_brand(digits: str) -> bool:
    """Whether the first digits and the length belong to a card network (Visa, Mastercard, Amex, Diners, JCB, ...)."""
    return any(
        len(digits) in lengths and low <= int(digits[:size]) <= high for size, low, high, lengths in _card_ranges()
    )
