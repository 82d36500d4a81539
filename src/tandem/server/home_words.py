"""The home page's words, in the languages that it speaks."""

from dataclasses import dataclass
from typing import Literal

from tandem.core.chat import Place
from tandem.core.models import Kind

Language = Literal["en", "pl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Everything that the home page says."""

    language: str
    headline: str
    lead: str
    locked: str
    state: str
    ready: str
    not_ready: str
    seal: str
    seals: dict[str, str]
    on_device: str
    in_cloud: str
    try_: str
    question: str
    python: str
    models: str
    model: str
    kind: str
    kinds: dict[Kind, str]
    place: str
    places: dict[Place, str]
    context: str
    installed: str
    yes: str
    no: str
    more: str
    models_link: str
    openapi_link: str
    ready_link: str
    metrics_link: str


ENGLISH = Words(
    language="Language",
    headline="A small model here, a large one far away, riding as one.",
    lead="This is an OpenAI-compatible endpoint. It answers from this device when it can, and says where each answer "
    "came from.",
    locked="This server wants an API key, so the page tells no more.",
    state="State",
    ready="Ready",
    not_ready="Not ready",
    seal="seal of the model's process",
    seals={"namespace": "No network", "seccomp": "No network", "none": "Not sealed"},
    on_device="answers from this device",
    in_cloud="answers from the cloud",
    try_="Try it",
    question="Why is the sky blue?",
    python="Or with any OpenAI client:",
    models="Models",
    model="Model",
    kind="Kind",
    kinds={"chat": "chat", "embedding": "embeddings"},
    place="Place",
    places={"device": "this device", "cloud": "cloud"},
    context="Context (tokens)",
    installed="Installed",
    yes="yes",
    no="no",
    more="More",
    models_link="the models, as programs see them",
    openapi_link="the description of this interface",
    ready_link="whether the default model can answer",
    metrics_link="counts and durations, for Prometheus",
)
POLISH = Words(
    language="Język",
    headline="Mały model tutaj, duży daleko stąd, a jadą razem.",
    lead="To punkt dostępu zgodny z OpenAI. Odpowiada z tego urządzenia, kiedy może, i mówi, skąd przyszła każda "
    "odpowiedź.",
    locked="Ten serwer wymaga klucza API, więc strona nie pokazuje nic więcej.",
    state="Stan",
    ready="Gotowy",
    not_ready="Niegotowy",
    seal="pieczęć procesu modelu",
    seals={"namespace": "Bez sieci", "seccomp": "Bez sieci", "none": "Bez pieczęci"},
    on_device="odpowiedzi z tego urządzenia",
    in_cloud="odpowiedzi z chmury",
    try_="Spróbuj",
    question="Dlaczego niebo jest niebieskie?",
    python="Albo dowolnym klientem OpenAI:",
    models="Modele",
    model="Model",
    kind="Rodzaj",
    kinds={"chat": "rozmowa", "embedding": "wektory"},
    place="Miejsce",
    places={"device": "to urządzenie", "cloud": "chmura"},
    context="Kontekst (tokeny)",
    installed="Zainstalowany",
    yes="tak",
    no="nie",
    more="Więcej",
    models_link="modele, tak jak widzą je programy",
    openapi_link="opis tego interfejsu",
    ready_link="czy model domyślny może odpowiadać",
    metrics_link="liczniki i czasy dla Prometheusa",
)
WORDS: dict[Language, Words] = {"en": ENGLISH, "pl": POLISH}
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
