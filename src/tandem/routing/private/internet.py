"""E-mail (of every alphabet, with plus signs, and as people disguise it) and IP addresses, four and six."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from tandem.routing.private.cues import before
from tandem.routing.private.finding import Finding

_AT: Final = re.compile(r"@")
_BEFORE: Final = re.compile(r"[\w!#$%'*+^~.\-]{1,64}\Z")
_HOST: Final = re.compile(
    r"(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.)+(?:xn--[a-z0-9\-]{2,58}|[^\W\d_]{2,24})(?![\w\-]*@)", re.IGNORECASE
)
_SPOKEN_AT: Final = re.compile(r"\s?[\[({<]\s?(?:at|małpa|malpa)\s?[\])}>]\s?", re.IGNORECASE)
_SPOKEN_HOST: Final = re.compile(
    r"[\w\-]{1,63}(?:(?:\.|\s?[\[({<]\s?(?:dot|kropka|pkt)\s?[\])}>]\s?)[\w\-]{1,63}){1,4}",
    re.IGNORECASE,
)
_FOUR: Final = re.compile(r"[0-9](?<![\w.].)[0-9]{0,2}\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}(?![\w]|\.[0-9])")
_SIX: Final = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]{1,4})?(?![\w:])"
)
_MACHINES: Final = frozenset({"git", "hg", "svn", "gitea", "gitlab", "forgejo"})
"""Accounts of programs: ``git@github.com:owner/project.git`` is where a project is, not who somebody is."""
_NOBODY: Final = frozenset({"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "::"})  # noqa: S104 - compared, never bound


def find_mail(text: str) -> Iterator[Finding]:
    """E-mail addresses."""
    floor = 0
    for at in _AT.finditer(text):
        host = _HOST.match(text, at.end())
        if host is None:
            continue
        local = _BEFORE.search(text[max(floor, at.start() - 64) : at.start()])
        if local is None:
            continue
        name = local.group().lstrip(".!#$%&'*/=?^`{|}~-")
        if name:
            floor = host.end()
            if name.lower() not in _MACHINES or text[host.end() : host.end() + 1] not in {":", "/"}:
                yield Finding("EMAIL", at.start() - len(name), host.end())
    if "(" in text or "[" in text or "{" in text:
        for at in _SPOKEN_AT.finditer(text):
            local, host = _BEFORE.search(text[max(0, at.start() - 64) : at.start()]), _SPOKEN_HOST.match(text, at.end())
            if local and host:
                yield Finding("EMAIL", at.start() - len(local.group()), host.end())


def find_ip(text: str) -> Iterator[Finding]:
    """IP addresses; not those that belong to nobody (loopback, any, netmasks), nor version numbers."""
    for match in _FOUR.finditer(text):
        if _is_four(match.group()) and "VERSION" not in before(text, match.start(), 0):
            yield Finding("IP_ADDRESS", *match.span())
    if "::" in text or text.count(":") > 6:
        for match in _SIX.finditer(text):
            if _is_six(match.group()):
                yield Finding("IP_ADDRESS", *match.span())


def _is_four(written: str) -> bool:
    if written in _NOBODY or written.startswith("255.255."):
        return False
    try:
        IPv4Address(written)
    except AddressValueError:
        return all(int(part) < 256 for part in written.split("."))
    return True


def _is_six(written: str) -> bool:
    if written in _NOBODY or not any(char.isdigit() for char in written) or written.count(":") < 2:
        return False
    try:
        IPv6Address(written)
    except AddressValueError:
        return False
    return len(written.replace(":", "")) >= 4
