"""Secrets that are looked for where they must not be, the ways to write them, and the search that reads every way back.

Every number here is made up; those with check digits have right ones.
"""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

TERM = "Projekt Bursztynowy Lis"
PESEL = "92040512344"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """``text`` is what is sent, ``canaries`` what must not arrive in any spelling."""

    kind: str
    text: str
    canaries: tuple[str, ...]


def _secret(kind: str, text: str, *canaries: str) -> Secret:
    return Secret(kind=kind, text=text, canaries=canaries)


SECRETS = (
    _secret("PESEL", "Mój PESEL to 92040512344.", PESEL),
    _secret("NIP", "Faktura dla NIP 526-104-08-28 proszę", "5261040828"),
    _secret("IBAN", "Transfer to PL27 1140 2004 5981 2734 6512 0937 today", "27114020045981273465120937"),
    _secret("CREDIT_CARD", "Card 4539 1488 0343 6467, which is mine", "4539148803436467"),
    _secret("EMAIL", "Write to halina.wrona+bank@poczta-testowa.pl now", "halina.wrona"),
    _secret("PHONE", "Zadzwoń pod numer +48 601 722 934 wieczorem", "48601722934"),
    _secret("SECRET", "The key is sk-proj-Q9zX4vB7nM2kL8wR5tY1uP6a", "Q9zX4vB7nM2kL8wR5tY1uP6a"),
    _secret(
        "SECRET",
        "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8\n-----END PRIVATE KEY-----",
        "MIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8",
    ),
    _secret("PERSON", "My name is Katarzyna Wiśniewska and I am ill", "Katarzyna", "Wiśniewska"),
    _secret("ADDRESS", "Mieszkam przy ul. Kwiatowej 17 m. 4, 31-042 Kraków", "Kwiatowej 17", "31-042"),
    _secret("TERM", f"What became of {TERM} in May?", TERM),
)
NUMBERS = tuple(one for one in SECRETS if one.kind in {"PESEL", "NIP", "IBAN", "CREDIT_CARD"})
"""Those whose check digits show them without a cue."""

WRITINGS: Mapping[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "small letters": str.lower,
    "separate accents": lambda text: unicodedata.normalize("NFD", text),
    "full-width digits": lambda text: text.translate({48 + digit: 0xFF10 + digit for digit in range(10)}),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "percent signs": quote,
    "every sign escaped": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "JSON within text": lambda text: json.dumps({"note": text}),
    "JSON within JSON": lambda text: json.dumps(json.dumps({"note": text})),
    "HTML": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "between letters": lambda text: f"zażółć {text} 🦊 gęślą",
}
"""How a program may write a text on its way into a request."""


def traces(received: bytes, canaries: tuple[str, ...]) -> list[str]:
    """The canaries that occur in what was received, however they are written there."""
    found: set[str] = set()
    wanted = {canary: _bare(canary) for canary in canaries}
    spread = {canary: _spread(canary) for canary in canaries}
    for text in _readings(received.decode("utf-8", "replace")):
        bare = _bare(text)
        found.update(canary for canary, sought in wanted.items() if sought in bare)
        found.update(canary for canary, forms in spread.items() if any(form in text for form in forms))
    return sorted(found)


def _bare(text: str) -> str:
    """Letters and digits alone, in small letters and compatibility form."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _spread(canary: str) -> tuple[str, ...]:
    """What base64 makes of the whole signs within a text, at each of the three places where it may begin."""
    raw = canary.encode()
    forms = [base64.b64encode(b"\0" * shift + raw).decode().rstrip("=") for shift in range(3)]
    inner = [form[(0, 2, 3)[shift] : len(form) - 1] for shift, form in enumerate(forms)]
    return (*inner, raw.hex())


def _readings(text: str, depth: int = 4) -> Iterator[str]:
    """The text, and whatever its escapes, its JSON, its percent signs and its base64 say."""
    yield text
    if not depth:
        return
    others = {unquote(text), html.unescape(text), _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)}
    others.add(" ".join(_opened(text)))
    for other in others - {text, ""}:
        yield from _readings(other, depth - 1)


def _opened(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        token = match.group()
        if re.fullmatch("[0-9a-fA-F]+", token) and len(token) % 2 == 0:
            yield bytes.fromhex(token).decode("utf-8", "replace")
        for start in range(4):
            piece = token[start:].replace("-", "+").replace("_", "/")
            yield base64.b64decode(piece[: len(piece) // 4 * 4]).decode("utf-8", "ignore")


_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{12,}")
