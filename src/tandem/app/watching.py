"""How everything is now, for the home page: it asks nobody far away, and no worker twice while it is busy."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from tandem.backends.device import DeviceModels
from tandem.backends.seats import LoadedModel
from tandem.core.ports import Backend, Ledger
from tandem.routing.guards import name_of
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.server.state import LoadedFact, State

_PATIENCE_SECONDS = 0.05


class LedgerState(Ledger, Protocol):
    """A ledger that says how it is."""

    @property
    def trouble(self) -> str:
        """Why lines are not being written; empty while all is well."""
        ...

    @property
    def waiting_lines(self) -> int:
        """Lines that are not on the disk yet."""
        ...

    @property
    def lost_lines(self) -> int:
        """Lines that found no room."""
        ...


class Watch:
    """Tells a `tandem.server.state.State`. ``far`` is by model id, as the providers gave it."""

    def __init__(
        self, settings: Settings, *, device: DeviceModels, far: Mapping[str, Backend], ledger: LedgerState
    ) -> None:
        self._settings = settings
        self._device = device
        self._far = far
        self._ledger = ledger
        self._loaded: tuple[LoadedModel, ...] = ()

    async def state(self) -> "State":
        """Everything that is true now."""
        from tandem.server.state import FarFact, Money, PolicyFact, State

        loaded = await self._report()
        settings, policies = self._settings, self._settings.policies
        protection = settings.protection
        return State(
            loaded=tuple(self._fact(one) for one in loaded),
            far=tuple(
                FarFact(
                    model=model,
                    provider=backend.card.provider,
                    place=backend.card.place,
                    health=backend.health(),
                    priced=backend.card.usd_per_million_input_tokens is not None,
                )
                for model, backend in self._far.items()
            ),
            policies=tuple(
                PolicyFact(name=name, rules=tuple(name_of(rule) for rule in policy.preferences), models=policy.models)
                for name, policy in policies.named.items()
            ),
            default_policy=policies.default,
            guards=tuple(name_of(guard) for guard in protection.guards()),
            privacy=settings.privacy.mode,
            offline=settings.offline,
            money=Money(
                usd_per_month=settings.budget.usd_per_month,
                usd_per_request=settings.budget.usd_per_request,
                spent_usd=self._ledger.spent_usd(),
            ),
            ledger_trouble=self._ledger.trouble,
            ledger_waiting=self._ledger.waiting_lines,
            ledger_lost=self._ledger.lost_lines,
        )

    async def _report(self) -> tuple[LoadedModel, ...]:
        """Every worker that runs; where one is too busy to say how it is, what it said last."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                self._loaded = await self._device.report()
        except TimeoutError:
            self._loaded = tuple(one for one in self._loaded if self._device.is_loaded(one.model))
        return self._loaded

    def _fact(self, one: LoadedModel) -> "LoadedFact":
        from tandem.server.state import LoadedFact

        return LoadedFact(
            model=one.model,
            kind=one.kind,
            pid=one.pid,
            seal=one.seal,
            in_flight=self._device.in_flight(one.model),
            reserved_bytes=one.need.total,
            memory_bytes=one.stats.rss_bytes if one.stats else None,
            kv_bytes=one.stats.kv_bytes if one.stats else None,
        )
