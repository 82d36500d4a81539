"""Small drawings as inline SVG. Colours come from the style sheet by class; nothing here has a style attribute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from markupsafe import Markup

_TALL = 64.0
_GAP = 2.0
_SLOT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One hour or day of a chart: what it tells people, and by place a figure and a higher one; absent is nothing."""

    told: str = ""
    figures: Mapping[str, float]
    highs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic scale from ``least`` to ``most``."""

    least: float
    most: float

    @classmethod
    def over(cls, figures: Sequence[float]) -> "Scale":
        """A scale that holds positive figures, with a little room at both ends."""
        positive = [figure for figure in figures if figure > 0] or [1.0]
        return cls(min(positive) / 1.3, max(positive) * 1.3)

    def at(self, figure: float) -> float:
        """Where a figure stands, in [0, 1]."""
        inside = min(max(figure, self.least), self.most)
        return log(inside / self.least) / log(self.most / self.least)


def split(parts: Mapping[str, int], label: str) -> Markup:
    """A bar across the whole width, parted by place."""
    whole = sum(parts.values()) or 1
    at, drawn = 0.0, Markup()
    for place, number in parts.items():
        wide = 100 * number / whole
        if number:
            drawn += Markup('<rect class="{}" x="{:.3f}%" width="{:.3f}%" height="100%"/>').format(place, at, wide)
        at += wide
    return Markup('<svg class="split" role="img" aria-label="{}">{}</svg>').format(label, drawn)


def bar(share: float, sort: str) -> Markup:
    """A thin bar of a share in [0, 1], long enough to be seen where it is not nothing."""
    wide = max(0.8, min(100.0, 100 * share)) if share > 0 else 0.0
    return Markup('<svg class="bar" aria-hidden="true"><rect class="{}" width="{:.2f}%" height="100%"/></svg>').format(
        sort, wide
    )


def columns(slots: Sequence[Slot], label: str) -> Markup:
    """Counts over time: the device's columns stand on the line, the cloud's hang from it."""
    up, down = (max((slot.figures.get(place, 0) for slot in slots), default=0) for place in ("device", "cloud"))
    scale = (_TALL - _GAP) / ((up + down) or 1)
    line = up * scale
    drawn = Markup()
    for index, slot in enumerate(slots):
        for place, number in slot.figures.items():
            tall = max(1.0, number * scale)
            top = line - tall if place == "device" else line + _GAP
            drawn += Markup('<rect class="{}" x="{:g}" y="{:.1f}" width="{:g}" height="{:.1f}"/>').format(
                place, index * _SLOT + 1, top, _SLOT - 2, tall
            )
        drawn += _told(slot.told, index)
    axis = Markup('<path class="axis" d="M0 {:.1f}H{:g}"/>').format(line + _GAP / 2, len(slots) * _SLOT)
    return _chart(drawn + axis, len(slots), label)


def course(slots: Sequence[Slot], label: str) -> Markup:
    """Waits over time on a logarithmic scale: a dot for the figure, a line up to the higher one."""
    known = [figure for slot in slots for figure in (*slot.figures.values(), *slot.highs.values())]
    if not known:
        return Markup()
    scale, drawn = Scale.over(known), Markup()
    for index, slot in enumerate(slots):
        for place, figure in slot.figures.items():
            x = index * _SLOT + (3.5 if place == "device" else 6.5)
            foot, head = (_TALL * (0.95 - 0.9 * scale.at(one)) for one in (figure, slot.highs.get(place, figure)))
            drawn += Markup(
                '<path class="reach {0}" d="M{1:g} {2:.1f}V{3:.1f}"/><path class="dot {0}" d="M{1:g} {2:.1f}h0"/>'
            ).format(place, x, foot, head)
        drawn += _told(slot.told, index)
    return _chart(drawn, len(slots), label)


def whisker(place: str, percentiles: tuple[float, float, float], scale: Scale) -> Markup:
    """Three percentiles of a wait: a dot, a bar up to the second, and a tick."""
    half, most, nearly_all = (f"{100 * scale.at(one):.2f}%" for one in percentiles)
    return Markup(
        '<svg class="whisker {0}" aria-hidden="true"><line class="rail" x1="0" x2="100%" y1="50%" y2="50%"/>'
        '<line class="reach" x1="{1}" x2="{2}" y1="50%" y2="50%"/>'
        '<line class="tick" x1="{3}" x2="{3}" y1="15%" y2="85%"/><circle cx="{1}" cy="50%" r="4"/></svg>'
    ).format(place, half, most, nearly_all)


def _told(text: str, index: int) -> Markup:
    """An unseen column that tells its figures to the pointer; its size is in the style sheet."""
    if not text:
        return Markup()
    return Markup('<rect x="{:g}"><title>{}</title></rect>').format(index * _SLOT, text)


def _chart(drawn: Markup, slots: int, label: str) -> Markup:
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {:g} {:g}" preserveAspectRatio="none">{}</svg>'
    ).format(label, slots * _SLOT, _TALL, drawn)
