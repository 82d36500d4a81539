"""What the doctor asks of the rooms: nobody far away is asked, nothing is changed."""

from collections.abc import Mapping
from pathlib import Path

from tandem.app.far import open_far
from tandem.core.errors import TandemError
from tandem.core.ports import Health
from tandem.gateway.departures import DepartureBook
from tandem.ledger.schema import LEDGER_FILE
from tandem.ledger.verify import verify_folder
from tandem.settings import Settings


def far_health(settings: Settings) -> Mapping[str, Health]:
    """How the models of providers are, as far as this machine knows. Raises `SettingsError` for rows that cannot be."""
    return {model: backend.health() for model, backend in open_far(settings, DepartureBook()).backends.items()}


def receipts_trouble(home: Path) -> str:
    """What is wrong with the receipts of a data folder; empty where they are whole, or where none was written yet."""
    if not (home / LEDGER_FILE).exists():
        return ""
    try:
        verdict = verify_folder(home)
    except TandemError as error:
        return error.message
    problem = verdict.problem
    return f"line {problem.seq} is {problem.fault}" if problem else ""
