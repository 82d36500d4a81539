"""What models of known providers cost and hold: the dated table in prices.toml."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from tandem.core.models import Ability

_TABLE = Path(__file__).with_name("prices.toml")
_DATED = re.compile(r"-(?:20\d\d-?[01]\d-?[0-3]\d|latest)$")


class Row(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One row as it stands in the file."""

    provider: str
    id: str
    context: int
    input: Decimal
    output: Decimal
    date: date
    source: str
    cached: Decimal | None = None
    abilities: frozenset[Ability] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The table, by provider and the name that the provider gives a model."""

    rows: Mapping[tuple[str, str], Row]

    def row(self, provider: str, upstream_id: str) -> Row | None:
        """The row of a model. A dated name (``-2026-06-30``, ``-20260630``) or ``-latest`` stands for its family."""
        return self.rows.get((provider, upstream_id)) or self.rows.get((provider, _DATED.sub("", upstream_id)))


def read_prices(file: Path = _TABLE) -> Prices:
    """Read the table. Raises `msgspec.ValidationError` where a row is wrong; a test reads ours."""
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    rows = msgspec.convert(table["model"], type=list[Row])
    return Prices(rows={(row.provider, row.id): row for row in rows})
