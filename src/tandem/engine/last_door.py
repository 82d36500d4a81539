"""The worker's last door: an error that nobody foresaw ends one call; the log says where it happened, and no text."""

import logging
import traceback

from tandem.core.errors import TandemError

log = logging.getLogger(__name__)


def unforeseen(error: Exception) -> TandemError:
    """Log an error's type and lines, never its message (which may hold a prompt), and make one for the caller."""
    lines = "".join(traceback.format_tb(error.__traceback__))
    log.error("a call failed: %s\n%s", type(error).__name__, lines)
    return TandemError("The engine failed on this request. Its log says where; other requests are not affected.")
