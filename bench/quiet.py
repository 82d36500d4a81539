"""Other people's programs: how busy they keep the machine, and waiting for a quieter moment."""

from collections.abc import Callable
from dataclasses import dataclass

import psutil

WINDOW_SECONDS = 0.25
QUIET_CORES = 0.25


def busy_cores() -> float:
    """Cores that anybody keeps busy, seen over a quarter of a second."""
    return psutil.cpu_percent(WINDOW_SECONDS) * (psutil.cpu_count() or 1) / 100


@dataclass(slots=True)
class Patience:
    """Waits before a turn, when all contenders rest, for as long as others are busy; ``seconds`` in the whole run."""

    seconds: float
    busy: Callable[[], float] = busy_cores
    waited: float = 0.0

    def settle(self) -> None:
        """Wait until two windows in a row are quiet, or until patience is at its end."""
        quiet = 0
        while quiet < 2 and self.waited < self.seconds:
            self.waited += WINDOW_SECONDS
            quiet = quiet + 1 if self.busy() < QUIET_CORES else 0
