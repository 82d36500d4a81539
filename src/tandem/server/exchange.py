"""One request and its answer, as the log and the metrics will remember them."""

import logging
import traceback
from dataclasses import dataclass, field
from time import perf_counter

from starlette.requests import Request

from tandem.core.chat import Started, Usage

log = logging.getLogger(__name__)
SCOPE_KEY = "tandem.exchange"


@dataclass(slots=True, kw_only=True)
class Exchange:
    """Filled in while the request is answered. Times are `perf_counter` seconds; ``headers`` go on the answer.

    ``left`` tells that the client went away before its answer was complete.
    """

    request_id: str
    route: str = "other"
    model: str = ""
    place: str = ""
    because: tuple[str, ...] = ()
    status: int = 499
    left: bool = False
    arrived: float = field(default_factory=perf_counter)
    first_word: float | None = None
    usage: Usage | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])

    def began(self, started: Started) -> None:
        """Remember who answers, and put it on the answer's headers."""
        self.model, self.place, self.because = started.model, started.place, started.because
        self.headers += (
            (b"x-tandem-model", header_value(started.model)),
            (b"x-tandem-place", header_value(started.place)),
            (b"x-tandem-because", header_value(",".join(started.because))),
            (b"x-tandem-fallbacks", b"%d" % started.fallbacks),
        )
        if started.note:
            self.headers.append((b"x-tandem-note", header_value(started.note)))

    def blame(self, error: Exception) -> None:
        """Log an error that nobody expected: its type and its places, not its message, which could hold a prompt."""
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("%s failed with %s\n%s", self.request_id, type(error).__name__, places)


def exchange_of(request: Request) -> Exchange:
    """The exchange that a request belongs to."""
    exchange = request.scope[SCOPE_KEY]
    assert isinstance(exchange, Exchange)
    return exchange


def header_value(text: str) -> bytes:
    """Text that is safe in a header: printable ASCII, anything else as ``?`` and line ends as spaces."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip().encode("ascii")
    flat = " ".join(text.split())
    return "".join(sign if " " <= sign <= "~" else "?" for sign in flat).encode("ascii")
