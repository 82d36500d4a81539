"""Numbers that countries give to people: the American SSN, and thirty-odd registers checked by ``python-stdnum``.

A register whose numbers look like no others is known by its shape and control digits; the rest need their own name
beside them. The library's modules are loaded when a text first asks for them.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Final, Protocol, cast

from tandem.routing.private.cues import Kinds, after, before, denies, words_for
from tandem.routing.private.finding import Finding
from tandem.routing.private.page import Page

_SSN: Final = re.compile(r"[0-9](?<![\w\-.].)[0-9]{2}(?:([\- .])[0-9]{2}\1[0-9]{4}|[0-9]{6})(?![\w\-]|\.[0-9])")
_SSN_SPECIMENS: Final = frozenset({"078051120", "219099999", "457555462", "123456789", "987654321"})


_OTHER_THINGS: Final = frozenset({"ORDER", "VERSION"})
_LEFT: Final = r"(?<![\w\-./])"
_RIGHT: Final = r"(?![\w\-]|[./][0-9])"
_START: Final = re.compile(rf"{_LEFT}[A-Z]{{0,5}}[0-9](?:[ .\-/]?[0-9A-Z]){{6,18}}")


class _Register(Protocol):
    """A module of ``stdnum``."""

    def is_valid(self, number: str) -> bool:
        """Whether the control digits are right."""
        ...


_EUROPEAN: Final = r"(?:ATU|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PT|RO|SE|SI|SK) ?[0-9A-Z]{8,12}"
_STRONG: Final = (
    (r"9[0-9]{2}-[5-9][0-9]-[0-9]{4}", "us.itin"),
    (r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", None),
    (r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]", "it.codicefiscale"),
    (r"[0-9]{8}[ \-]?[A-HJ-NP-TV-Z]", "es.dni"),
    (r"[XYZ][ \-]?[0-9]{7}[ \-]?[A-HJ-NP-TV-Z]", "es.nie"),
    (r"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", "fr.nir"),
    (r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", "br.cpf"),
    (r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}", "br.cnpj"),
    (r"[A-Z]{5}[0-9]{4}[A-Z]", "in_.pan"),
    (r"[0-9]{6}[\-+A-FYXWVU][0-9]{3}[0-9A-Y]", "fi.hetu"),
    (r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", "be.nn"),
    (r"[0-9]{6}/[0-9]{3,4}", "cz.rc"),
    (r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}", "ch.ssn"),
    (r"[0-9]{6}-[1-8][0-9]{6}", "kr.rrn"),
    (r"[1-9][0-9]{16}[0-9X]", "cn.ric"),
    (r"[A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", "mx.curp"),
    (r"[0-9]{2}-[0-9]{8}-[0-9]", "ar.cuit"),
    (r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]", "cl.rut"),
    (r"[0-9]{6}-[0-9]{2}-[0-9]{4}", "my.nric"),
)
"""Shapes that speak for themselves, and the module of ``stdnum`` that checks them."""

_CUED: Final = (
    ("@us.ein", r"[0-9]{2}-[0-9]{7}", "us.ein"),
    ("@gb.nhs", r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}", "gb.nhs"),
    ("@gb.utr", r"[0-9]{10}", "gb.utr"),
    ("@br.cpf", r"[0-9]{11}", "br.cpf"),
    ("@in_.aadhaar", r"[2-9][0-9]{3}[ \-]?[0-9]{4}[ \-]?[0-9]{4}", "in_.aadhaar"),
    ("@se.personnummer", r"(?:[0-9]{2})?[0-9]{6}[\-+][0-9]{4}", "se.personnummer"),
    ("@dk.cpr", r"[0-9]{6}[ \-]?[0-9]{4}", "dk.cpr"),
    ("@no.fodselsnummer", r"[0-9]{6} ?[0-9]{5}", "no.fodselsnummer"),
    ("@nl.bsn", r"[0-9]{4}\.?[0-9]{2}\.?[0-9]{3}|[0-9]{9}", "nl.bsn"),
    ("@de.idnr", r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", "de.idnr"),
    ("@ro.cnp", r"[1-9][0-9]{12}", "ro.cnp"),
    ("@bg.egn", r"[0-9]{10}", "bg.egn"),
    ("@ee.ik", r"[1-6][0-9]{10}", "ee.ik"),
    ("@lt.asmens", r"[1-6][0-9]{10}", "lt.asmens"),
    ("@lv.pvn", r"[0-9]{6}-[0-9]{5}", "lv.pvn"),
    ("@hr.oib", r"[0-9]{11}", "hr.oib"),
    ("@si.emso", r"[0-9]{13}", "si.emso"),
    ("@gr.amka", r"[0-9]{11}", "gr.amka"),
    ("@ie.pps", r"[0-9]{7}[A-W][A-IW]?", "ie.pps"),
    ("@pt.nif", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", "pt.nif"),
    ("@tr.tckimlik", r"[1-9][0-9]{10}", "tr.tckimlik"),
    ("@il.idnr", r"[0-9]{9}", "il.idnr"),
    ("@ca.sin", r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{3}", "ca.sin"),
    ("@au.tfn", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", "au.tfn"),
    ("@jp.in_", r"[0-9]{4} ?[0-9]{4} ?[0-9]{4}", "jp.in_"),
    ("@mx.rfc", r"[A-Z&\u00d1]{3,4}[0-9]{6}[0-9A-Z]{3}", "mx.rfc"),
    ("@ar.dni", r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}", "ar.dni"),
    ("@za.idnr", r"[0-9]{13}", "za.idnr"),
    ("@th.pin", r"[0-9](?:[ \-]?[0-9]{4})(?:[ \-]?[0-9]{5})[ \-]?[0-9]{2}[ \-]?[0-9]", "th.pin"),
    ("@ua.rntrc", r"[0-9]{10}", "ua.rntrc"),
    ("@ru.inn", r"[0-9]{12}", "ru.inn"),
    ("@sg.nric", r"[STFGM][0-9]{7}[A-Z]", None),
    ("@de.personalausweis", r"[CFGHJK-NPRTV-Z0-9]{9}[0-9]?", None),
    ("NIP", _EUROPEAN, "eu.vat"),
)  # fmt: skip
"""The kind of cue that must stand near, the shape, and the module that checks it."""


def find_nations(page: Page) -> Iterator[Finding]:
    """SSNs, and other countries' numbers."""
    text = page.text
    for match in _SSN.finditer(text):
        if _is_ssn(text, match):
            yield Finding("SSN", *match.span())
    for match in _strong().finditer(text):
        register = _STRONG[int(cast("str", match.lastgroup)[1:])][1]
        if _is_valid(register, match.group()) and before(text, match.start(), 0).isdisjoint(_OTHER_THINGS):
            yield Finding("NATIONAL_ID", *match.span())
    if page.beginnings.isdisjoint(_cue_beginnings()):
        return
    for start in _START.finditer(text):
        kinds = before(text, start.start(), 0) or after(text, start.end())
        for shape, register in _rows(kinds):
            match = shape.match(text, start.start())
            if match and _is_valid(register, match.group()):
                yield Finding("NATIONAL_ID", *match.span())


def _is_ssn(text: str, match: re.Match[str]) -> bool:
    digits = re.sub("[^0-9]", "", match.group())
    if digits[:3] in {"000", "666"} or digits[0] == "9" or digits[3:5] == "00" or digits[5:] == "0000":
        return False
    kinds = before(text, match.start(), 0) or after(text, match.end())
    if "SSN" in kinds:
        return True
    apart = match.group(1) == "-"
    return (
        apart and digits not in _SSN_SPECIMENS and not denies(kinds) and kinds.isdisjoint({"PHONE", "BIRTH", "REGON"})
    )


@cache
def _strong() -> re.Pattern[str]:
    """One expression for all shapes that speak for themselves."""
    shapes = "|".join(f"(?P<r{at}>{shape})" for at, (shape, _) in enumerate(_STRONG))
    return re.compile(rf"{_LEFT}(?=[A-Z]{{0,6}} ?[0-9])(?:{shapes}){_RIGHT}")


@cache
def _cue_beginnings() -> frozenset[str]:
    """How the words begin that name a register."""
    return frozenset(word[:3] for kind, _, _ in _CUED for word in words_for(kind))


@cache
def _rows(kinds: Kinds) -> tuple[tuple[re.Pattern[str], str | None], ...]:
    """The shapes for which there is a cue."""
    return tuple(
        (re.compile(rf"{_LEFT}(?:{shape}){_RIGHT}"), register) for kind, shape, register in _CUED if kind in kinds
    )


def _is_valid(register: str | None, number: str) -> bool:
    return register is None or _register(register).is_valid(number)


@cache
def _register(name: str) -> _Register:
    return cast("_Register", import_module(f"stdnum.{name}"))
