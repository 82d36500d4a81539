"""What is written down while answering: the ledger, with metrics and spans that listen to it."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tandem.core.ports import Ledger
from tandem.ledger.store import SqliteLedger
from tandem.ledger.telling import Telling
from tandem.settings import Settings, variables

if TYPE_CHECKING:
    from tandem.server.metrics import Metrics


@contextmanager
def kept_ledger(settings: Settings, metrics: "Metrics") -> Generator[tuple[SqliteLedger, Ledger]]:
    """The ledger of the data folder, and the same with its listeners; leaving writes what waits.

    Spans leave only where the standard ``OTEL_*`` variables name an endpoint. Raises `SettingsError` where they cannot
    be honoured.
    """
    from tandem.ledger.otel import SpanExport, otel_options

    with ExitStack() as stack:
        ledger = stack.enter_context(SqliteLedger(settings.home))
        options = otel_options(variables("OTEL_"))
        spans = [stack.enter_context(SpanExport(options))] if options else []
        yield ledger, Telling(ledger, metrics.telemetry.observe, *spans)
