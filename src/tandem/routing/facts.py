"""What a policy may know: the facts of one request, and the models that could answer it. Values only."""

from dataclasses import dataclass
from decimal import Decimal

from tandem.core.chat import Demand, Dialect
from tandem.core.models import ModelCard
from tandem.core.ports import WELL, Health


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateSpan:
    """Private text of one kind. ``start`` and ``end`` count code points within ``where``, such as ``messages[0]``.

    ``weak``: a name that by itself identifies nobody; it does not keep a text here, unless its owner wants it so.
    """

    label: str
    start: int
    end: int
    where: str = ""
    weak: bool = False

    def __str__(self) -> str:
        """Such as ``PESEL at 24-35``, and where if the text has several places."""
        place = f" of {self.where}" if self.where else ""
        return f"{self.label} at {self.start}-{self.end}{place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One request as rules see it.

    ``prompt_tokens`` is an estimate, ``least_tokens`` what the prompt has at least; ``output_tokens`` is what is to be
    expected, ``max_tokens`` what the caller allows (0 where nothing was said). ``difficulty`` lies in [0, 1].
    ``asked_private`` is the caller's own wish; ``labels`` are those that its texts carry. ``unreadable`` counts
    attachments that cannot be searched. ``unhideable``: no stand-ins could take the place of all that is private.
    ``purpose`` is set for the small talk of a user interface.
    ``token_ids`` tells of a prompt that is token ids, which mean something to one model alone. ``dialect`` is of the
    original body, ``demands`` what only a far side of that dialect may honour.
    ``spent_usd`` is this month's, answers under way included. ``warm_model`` answered this conversation before, whose
    history has ``warm_tokens``.
    """

    prompt_tokens: int = 0
    least_tokens: int = 0
    output_tokens: int = 0
    max_tokens: int = 0
    task: str = ""
    task_confidence: float = 0.0
    difficulty: float = 0.0
    private: tuple[PrivateSpan, ...] = ()
    asked_private: bool = False
    labels: tuple[str, ...] = ()
    unreadable: int = 0
    unhideable: bool = False
    purpose: str | None = None
    token_ids: bool = False
    dialect: Dialect | None = None
    demands: tuple[Demand, ...] = ()
    offline: bool = False
    spent_usd: Decimal = Decimal(0)
    warm_model: str | None = None
    warm_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that could answer. ``cost_usd`` is what this request would cost there, ``None`` without a known price."""

    card: ModelCard
    health: Health = WELL
    cost_usd: Decimal | None = Decimal(0)

    @property
    def id(self) -> str:
        """The model's id."""
        return self.card.id

    @property
    def is_cloud(self) -> bool:
        """Whether asking it sends the text away."""
        return self.card.place == "cloud"
