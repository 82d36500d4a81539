"""What the home page can say: every sentence of a language as one value, and which language a visitor wants."""

from collections.abc import Mapping
from dataclasses import dataclass

from tandem.core.chat import Place
from tandem.core.models import Kind
from tandem.server.home_figures import Forms, Language, Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Everything that the home page says. Names of rules that are not in ``rules`` are shown as they are."""

    language: str
    headline: str
    lead: str
    skip: str
    period: str
    periods: Mapping[Period, str]
    in_period: Mapping[Period, str]
    requests: Forms
    answers: Forms
    tokens: Forms
    in_requests: Forms
    state: Mapping[str, str]
    seals: Mapping[str, str]
    key: Mapping[str, str]
    headings: Mapping[str, str]
    places: Mapping[Place, str]
    kinds: Mapping[Kind, str]
    outcomes: Mapping[str, str]
    privacy: Mapping[str, str]
    figures: Mapping[str, str]
    money: Mapping[str, str]
    left: Mapping[str, str]
    waits: Mapping[str, str]
    now: Mapping[str, str]
    why: Mapping[str, str]
    rules: Mapping[str, str]
    recent: Mapping[str, str]
    try_it: Mapping[str, str]
    program: Mapping[str, str]
    models: Mapping[str, str]
    links: Mapping[str, str]


LANGUAGES: tuple[tuple[Language, str], ...] = (("en", "English"), ("pl", "Polski"))


def language_of(asked: str | None, accepted: str) -> Language:
    """The language that a visitor wants: the one asked for, else the best of Accept-Language, else English."""
    if asked in {"en", "pl"}:
        return "pl" if asked == "pl" else "en"
    best: tuple[float, Language] = (0.0, "en")
    for wish in accepted.split(","):
        name, _, weight = wish.strip().partition(";q=")
        share = _number(weight) if weight else 1.0
        code = name.strip().lower().partition("-")[0]
        if code in {"en", "pl"} and share > best[0]:
            best = (share, "pl" if code == "pl" else "en")
    return best[1]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
