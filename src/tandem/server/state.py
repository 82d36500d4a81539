"""How everything is now, as the home page shows it: workers, providers, policies, the budget, the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tandem.core.chat import Place
from tandem.core.models import Kind
from tandem.core.ports import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFact:
    """A model in the memory of this device.

    ``memory_bytes`` is what its process holds now, ``kv_bytes`` the part of it that remembers prompts; both are
    ``None`` where the process was too busy to say. ``reserved_bytes`` is the most that was set aside for it.
    """

    model: str
    kind: Kind
    pid: int
    seal: str
    in_flight: int
    reserved_bytes: int
    memory_bytes: int | None = None
    kv_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FarFact:
    """A model that a provider answers for, and how that provider is."""

    model: str
    provider: str
    place: Place
    health: Health
    priced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFact:
    """A named policy: its preferences in order (later ones weigh more), and the models it is bound to, if any."""

    name: str
    rules: tuple[str, ...]
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The owner's bounds, ``None`` where there is none, and what this calendar month (UTC) has cost."""

    usd_per_month: Decimal | None = None
    usd_per_request: Decimal | None = None
    spent_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that is true now. ``ledger_trouble`` is a sentence where lines are not being written."""

    loaded: Sequence[LoadedFact] = ()
    far: Sequence[FarFact] = ()
    policies: Sequence[PolicyFact] = ()
    default_policy: str = ""
    guards: Sequence[str] = ()
    privacy: str = ""
    offline: bool = False
    money: Money = field(default_factory=Money)
    ledger_trouble: str = ""
    ledger_waiting: int = 0
    ledger_lost: int = 0
