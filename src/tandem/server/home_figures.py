"""Numbers, money, times and plurals as people of a language write them: English of the United States, and Polish."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Literal

Language = Literal["en", "pl"]
Forms = tuple[str, ...]
"""A noun's plural forms as CLDR orders them: one and other in English; one, few and many in Polish."""
Period = Literal["day", "week", "month"]

_NO_BREAK = "\u00a0"
_MINUS = "\u2212"
_MONTHS: dict[Language, tuple[str, ...]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "pl": ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"),
}
_LEAST_USD = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Figures:
    """How one language writes figures. ``zone`` is that of clocks; ``None`` is the server's own."""

    language: Language
    zone: tzinfo | None = None

    def form(self, number: int, forms: Forms) -> str:
        """The form of a noun that goes with a whole number (CLDR's cardinal rules)."""
        if number == 1:
            return forms[0]
        if self.language == "en":
            return forms[1]
        few = number % 10 in {2, 3, 4} and number % 100 not in {12, 13, 14}
        return forms[1] if few else forms[2]

    def of(self, number: int, forms: Forms) -> str:
        """A number and its noun, which no line break parts."""
        return f"{self.count(number)}{_NO_BREAK}{self.form(number, forms)}"

    def count(self, number: int) -> str:
        """A whole number in groups of three; Polish begins to group at five digits (CLDR)."""
        if self.language == "pl":
            return str(number) if abs(number) < 10_000 else f"{number:,}".replace(",", _NO_BREAK)
        return f"{number:,}"

    def decimal(self, number: float | Decimal, digits: int) -> str:
        """A number with so many digits after its point, or comma."""
        whole, _, rest = f"{abs(number):.{digits}f}".partition(".")
        mark = "." if self.language == "en" else ","
        minus = _MINUS if number < 0 and (int(whole) or rest.strip("0")) else ""
        return minus + self.count(int(whole)) + (mark + rest if rest else "")

    def share(self, part: float, whole: float) -> str:
        """A part in per cent: 0 and 100 only where it is nothing and everything."""
        if not whole:
            return "\u2013"
        percent = 100 * part / whole
        if 0 < percent < 1:
            return "<1%"
        return ">99%" if 99 < percent < 100 else f"{round(percent)}%"

    def money(self, usd: Decimal | None) -> str:
        """US dollars: cents above one dollar, four digits below it; a dash where nobody knows."""
        if usd is None:
            return "\u2013"
        if 0 < usd < _LEAST_USD:
            return f"<{_NO_BREAK}{self._dollars(_LEAST_USD, 4)}"
        return self._dollars(usd, 2 if abs(usd) >= 1 or not usd else 4)

    def volume(self, size: int) -> str:
        """Bytes, in powers of 1000."""
        amount, unit = float(size), "B"
        for larger in ("kB", "MB", "GB", "TB"):
            if amount < 999.5:
                break
            amount, unit = amount / 1000, larger
        return f"{self.decimal(amount, 1 if amount < 9.95 and unit != 'B' else 0)}{_NO_BREAK}{unit}"

    def span(self, seconds: float | None) -> str:
        """A waiting time, in milliseconds, seconds or minutes."""
        if seconds is None:
            return "\u2013"
        if seconds < 0.9995:
            return f"{self.decimal(seconds * 1000, 0 if seconds >= 0.00995 else 1)}{_NO_BREAK}ms"
        if seconds < 119.5:
            return f"{self.decimal(seconds, 2 if seconds < 9.995 else 1)}{_NO_BREAK}s"
        return f"{self.decimal(seconds / 60, 1)}{_NO_BREAK}min"

    def clock(self, at: float, now: float) -> str:
        """A moment: its time of day, with the day before it where that is another one."""
        moment = self.local(at)
        if moment.date() == self.local(now).date():
            return f"{moment:%H:%M:%S}"
        return f"{self.day(at)}, {moment:%H:%M}"

    def day(self, at: float) -> str:
        """A day of its month."""
        moment = self.local(at)
        name = _MONTHS[self.language][moment.month - 1]
        return f"{name} {moment.day}" if self.language == "en" else f"{moment.day} {name}"

    def hour(self, at: float) -> str:
        """An hour of the day."""
        return f"{self.local(at):%H:%M}"

    def local(self, at: float) -> datetime:
        """Unix seconds in the clock's zone."""
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone)

    def _dollars(self, usd: Decimal, digits: int) -> str:
        text = self.decimal(usd, digits)
        if self.language == "pl":
            return f"{text}{_NO_BREAK}USD"
        return f"{_MINUS}${text[1:]}" if text.startswith(_MINUS) else f"${text}"


def period_of(asked: str | None) -> Period:
    """The period that a visitor asks for; the day where that is none."""
    named: dict[str | None, Period] = {"day": "day", "week": "week", "month": "month"}
    return named.get(asked, "day")


def begin_of(period: Period, figures: Figures, now: float) -> float:
    """When a period began, in Unix seconds: at midnight today, at midnight six days ago, or on the month's first."""
    midnight = figures.local(now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if period == "week":
        midnight = datetime.fromordinal(midnight.toordinal() - 6)
    elif period == "month":
        midnight = midnight.replace(day=1)
    zoned = midnight.astimezone() if figures.zone is None else midnight.replace(tzinfo=figures.zone)
    return zoned.timestamp()
