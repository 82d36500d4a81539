"""Keys, tokens, passwords and private keys: by the marks their makers put on them, or by the words beside them.

What base64 or hexadecimal wraps is opened and looked at too.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import log2
from typing import Final

from tandem.routing.private.finding import Finding
from tandem.routing.private.page import Page
from tandem.routing.private.words import words

_MARKED: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_\-]{16,}+|[spr]k_(?:live|test)_[A-Za-z0-9]{10,}+|gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_\w{20,}+"
    r"|gl(?:pat|dt|ptt|rt|cbt)-[\w\-]{16,}+|xox[abeoprs]-[\w\-]{10,}+|xapp-[\w\-]{20,}+|(?:AKIA|ASIA|AROA|"
    r"AIDA)[A-Z0-9]{16}"
    r"|AIza[\w\-]{30,}+|ya29\.[\w\-]{20,}+|GOCSPX-[\w\-]{20,}+|hf_[A-Za-z0-9]{20,}+|npm_[A-Za-z0-9]{30,}+|"
    r"pypi-[\w\-]{20,}+"
    r"|do[opr]_v1_[a-f0-9]{32,}+|SG\.[\w\-]{16,}+\.[\w\-]{16,}+|eyJ[\w\-]{8,}+\.[\w\-]{8,}+(?:\.[\w\-]*+)?"
    r"|gsk_[A-Za-z0-9]{20,}+|r8_[A-Za-z0-9]{20,}+|nvapi-[\w\-]{20,}+|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,}+|"
    r"dckr_pat_[\w\-]{20,}+"
    r"|tskey-[\w\-]{10,}+|AGE-SECRET-KEY-1[A-Z0-9]{20,}+|lin_api_\w{20,}+|whsec_[A-Za-z0-9+/=]{20,}+|key-[0-9a-f]{32}"
    r"|[0-9]{8,10}:AA[\w\-]{30,}+|sq0(?:atp|csp)-[\w\-]{20,}+|EAACEdEose0cBA[A-Za-z0-9]++|PMAK-[a-f0-9\-]{30,}+"
    r"|hv[sb]\.[\w\-]{20,}+|pplx-[A-Za-z0-9]{20,}+|xai-[A-Za-z0-9]{20,}+|sl\.[\w\-]{60,}+|secret_[A-Za-z0-9]{30,}+"
    r"|https://hooks\.slack\.com/services/[\w/]{20,}+|https://discord(?:app)?\.com/api/webhooks/[\w/\-]{20,}+"
    r")"
)
_CUES: Final = frozenset(words("pin puk cvv cvc kod otp 2fa sig"))
_LONG_CUES: Final = words("pass key token secret pwd credential hasł hasl klucz")
"""Every word of ``_NAMES`` begins with a cue or holds a long one."""
_PEM: Final = "PRIVATE KEY"
_PEM_END: Final = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY: Final = re.compile(r"(?:\s*[A-Za-z0-9+/=]{16,}+)*")
_CONNECTION: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s:@/\"'<>]{0,64}+:(?P<password>[^\s@\"'<>{}]{1,128}+)@[^\s\"'<>,;)]{1,256}+"
)
_NAMES: Final = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|passw|secret|api[_\- ]?key|apikey|access[_\- ]?key(?:[_\- ]?id)?|"
    r"private[_\- ]?key|"
    r"secret[_\- ]?key|account[_\- ]?key|shared[_\- ]?access[_\- ]?key|sig|(?:auth|access|refresh|session|bearer|"
    r"api)?[_\- ]?token|"
    r"client[_\- ]?secret|credentials?|has\u0142(?:o|a|em|u)|haslo|hasla|klucz(?:a|em|u)?(?: (?:api|prywatny|"
    r"dost\u0119pu))?|"
    r"pin(?:u|em)?|puk|cvv2?|cvc2?|kod(?:u|em)? (?:pin|puk|cvv|cvc|blik|dost\u0119pu)|otp|2fa)"
)
_ASSIGNED: Final = re.compile(
    rf"(?<![A-Za-z]){_NAMES}[\"'`]?(?:\s+(?:code|number|do \w+|for \w+|to (?:the |my )?\w+|dla \w+))?"
    r"(?P<sign>\s*(?::=|=>|=|:)\s*|\s+(?:is|was|to|jest|brzmi|by\u0142o|:)\s*:?\s*|\s+)"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\n]{3,200}+)[\"'`]|[\"'`]?(?P<value>[^\s\"'`,;<>]{3,200}+))",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(?:bearer|basic)\s+(?P<value>[A-Za-z0-9._~+/\-]{16,}+=*)", re.IGNORECASE)
_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9+/_\-=])[A-Za-z0-9+/_\-]{16,}+={0,2}(?![A-Za-z0-9+/_\-])")
_NEAR: Final = re.compile(
    r"key|token|secret|api|bearer|passw|credential|klucz|has\u0142|haslo|sekret|auth|dost\u0119p|private", re.IGNORECASE
)
_NOT_NEAR: Final = re.compile(
    r"tokeniz|commit|sha-?\d|hash|md5|uuid|guid|digest|checksum|etag|revision|fingerprint|public", re.IGNORECASE
)
_PLACEHOLDER: Final = re.compile(
    r"your.*\Z|(?:my|the|some|user|new|old)?[_\-]?(?:password|passwd|secret|token|api[_\-]?key|key|value|string|"
    r"here|changeme|example|"
    r"not[_\- ]?needed|empty|test|dummy|fake|sample|todo|any|foo|bar|none|null|true|false|str|int|required|"
    r"optional|redacted|hidden|env|process|placeholder|undefined)\w{0,12}\Z|[x*.\-_#]+\Z|"
    r"\$|<|\{|\[|%|os\.|process\.|env\.|self\.|config\.|settings\.|args\.|get|hidden_",
    re.IGNORECASE,
)
_PIECES: Final = re.compile(r"[\-_/.]")
_IDENTIFIER: Final = re.compile(r"(?:[a-z]{2,}+)?(?:[A-Z][a-z]++){2,}[0-9]{0,2}[A-Z]?\Z")
_OPTIONS: Final = re.compile(r"--?[A-Za-z][\w\-]* ")
_MOST_OPENED: Final = 32


def find_secrets(page: Page) -> Iterator[Finding]:
    """Every secret that shows itself."""
    text, lower = page.text, page.lower
    patterns = [_MARKED] if page.has_long_words else []
    if "://" in text:
        patterns += [_CONNECTION, _MARKED]
    for pattern in patterns:
        for match in pattern.finditer(text):
            yield Finding("SECRET", *match.span())
    if _PEM in text:
        yield from _pem_blocks(text)
    if not page.beginnings.isdisjoint(_CUES) or any(cue in lower for cue in _LONG_CUES):
        yield from filter(None, map(_assigned, _ASSIGNED.finditer(text)))
    if page.has_long_words:
        yield from _random_words(text)


def _random_words(text: str) -> Iterator[Finding]:
    for match in _BEARER.finditer(text):
        if any(map(str.isdigit, match["value"])):
            yield Finding("SECRET", *match.span("value"))
    for match in _TOKEN.finditer(text):
        if not _IDENTIFIER.match(match.group()) and _is_random(match.group()) and _is_near_a_cue(text, match.start()):
            yield Finding("SECRET", *match.span())


def wrapped(page: Page) -> Iterator[tuple[int, int, str]]:
    """What base64 or hexadecimal wraps: start, end and the text inside, at most 32 of them."""
    if not page.has_long_words:
        return
    opened = 0
    for match in _TOKEN.finditer(page.text):
        inside = _opened(match.group())
        if inside is not None:
            yield *match.span(), inside
            opened += 1
            if opened >= _MOST_OPENED:
                return


def _opened(token: str) -> str | None:
    if len(token) > 16_384 or (token.isalpha() and (token.islower() or token.isupper())):
        return None
    try:
        if len(token) % 2 == 0 and re.fullmatch("[0-9A-Fa-f]+", token):
            raw = bytes.fromhex(token)
        else:
            plain = token.rstrip("=").replace("-", "+").replace("_", "/")
            raw = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        inside = raw.decode()
    except (NotBase64, ValueError):
        return None
    shown = sum(map(str.isprintable, inside)) + sum(map(str.isspace, inside))
    return inside if len(inside) >= 8 and shown >= len(inside) else None


def _pem_blocks(text: str) -> Iterator[Finding]:
    at = text.find("-----BEGIN")
    while at >= 0:
        head_end = text.find("-----", at + 10)
        if head_end < 0:
            return
        head_end += 5
        if _PEM in text[at:head_end] and head_end - at < 80:
            tail = _PEM_END.search(text, head_end, head_end + 16_384)
            body = _PEM_BODY.match(text, head_end)
            end = tail.end() if tail else (body.end() if body else head_end)
            yield Finding("SECRET", at, end)
            head_end = end
        at = text.find("-----BEGIN", head_end)


def _assigned(match: re.Match[str]) -> Finding | None:
    """The value that a word for a secret is given; ``None`` where it is a type, a place-holder or prose."""
    group = "quoted" if match["quote"] else "value"
    value, quote, sign = match[group], match["quote"], match["sign"].strip().lower()
    start, end = match.span(group)
    while value and value[-1] in ").]}!?" and not (value[-1] in "!?" and (quote or len(value) > 6)):
        value, end = value[:-1], end - 1
    value = value.removesuffix(".")
    end = start + len(value)
    name = match.group().lower()
    if re.match(r"(?:pin|puk|cvv|cvc|kod|otp|2fa)", name):
        most = 4 if name.startswith("c") else 8
        return Finding("SECRET", start, end) if value.isdecimal() and 3 <= len(value) <= most else None
    if len(value) < 4 or _PLACEHOLDER.match(value) or _OPTIONS.match(value) or "(" in value or "://" in value:
        return None
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    special = any(char in "!@#$%^&*?+=~|" for char in value) and any(map(str.isalnum, value))
    if not sign and not (quote or (mixed and special)):
        return None
    if quote or mixed or special or (value.isdecimal() and sign in {"=", ":", "=>", ":="}):
        return Finding("SECRET", start, end) if len(value) >= (6 if sign not in {"=", ":"} else 4) else None
    return None


def _is_random(token: str) -> bool:
    """Whether its letters look drawn by lot: digits among letters, and more than 3.2 bits a character (hex: 2.8)."""
    token = max(_PIECES.split(token), key=len)
    if len(token) < 16 or not any(map(str.isalpha, token)):
        return False
    turns = sum(one.isdigit() != other.isdigit() for one, other in pairwise(token))
    if turns < 4 and not (turns and any(map(str.isupper, token)) and any(map(str.islower, token))):
        return False
    counts = Counter(token)
    bits = -sum(count / len(token) * log2(count / len(token)) for count in counts.values())
    return bits > (2.8 if all(char in "0123456789abcdefABCDEF" for char in token) else 3.2)


def _is_near_a_cue(text: str, start: int) -> bool:
    near = text[max(0, start - 48) : start]
    return _NEAR.search(near) is not None and _NOT_NEAR.search(near) is None
