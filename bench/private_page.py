"""The page of private text: what was found where, by whom, and how fast."""

from collections.abc import Mapping
from typing import cast

NONE = "—"
HEAD = """# Private text in numbers

How much private text is found, how exactly and how fast, beside [Presidio](https://github.com/microsoft/presidio).
What is found, and how, is told in the card, `src/tandem/routing/private/CARD.md`.

A finding counts when its label is right and half of the longer span is shared; *exact* wants the same first and last
character. **P** is precision, **R** recall. Presidio is asked in English and in Polish, and all that either finds
counts, once as it comes and once from score 0.4 on. Poland is added to the regions of its telephone numbers. It has no
recognizer for NIP, REGON, the Polish identity card and addresses.
"""
FRESH = """The fresh sentences are made by `bench/private_sentences.py` from a seed, two in five of them hard negatives:
orders, parts and invoices whose numbers pass the checksum, and numbers whose control digit is wrong. The hand that
wrote the detector also wrote these templates, so they flatter it: real text is harder. What the second and the third
templates showed when they were first run, before anything was mended for them, is told in the card."""


def render(told: Mapping[str, object]) -> str:
    """The whole page as Markdown."""
    parts = [
        HEAD.strip(),
        f"    {told['command']}\n\nmade this page.",
        "## Speed",
        _speed(told),
        "## What is found",
        FRESH,
    ]
    scores = cast("Mapping[str, Mapping[str, Mapping[str, Mapping[str, float | None]]]]", told["scores"])
    for name, contenders in scores.items():
        parts += [f"### {name}", _table(contenders)]
    machine = cast("Mapping[str, str]", told["machine"])
    parts += ["## The run", "\n".join(f"- {name}: {fact}" for name, fact in machine.items() if name != "model threads")]
    return "\n\n".join(parts) + "\n"


def _speed(told: Mapping[str, object]) -> str:
    speeds = cast("Mapping[str, float]", told["characters_per_second"])
    prompt = cast("Mapping[str, float]", told["microseconds_for_500_characters"])
    times = cast("Mapping[str, float]", told["times"])
    rows = [f"| {name} | {value:,.0f} | {times[name]:.1f} |" for name, value in speeds.items()]
    lines = [
        "| | characters a second of processor time | Tandem is so many times faster |",
        "|---|---:|---:|",
        *rows,
        "",
    ]
    lines.append(
        "Ratios are medians of those of each round; all read the same texts, one after the other, on one core."
    )
    lines.append(f"Presidio's name recognizer is {told['presidio_names']}.")
    if told["presidio_names"] == "off":
        lines.append(
            "It needs a spaCy model, which the package index did not have, so nothing is told of it switched on."
        )
    spread = f"{prompt['median']:.0f} µs (median of rounds; least {prompt['least']:.0f} µs)"
    lines += ["", f"A prompt of 500 characters, dense with private text, takes {spread}."]
    return "\n".join(lines)


def _table(contenders: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> str:
    names = list(contenders)
    ours = contenders[names[0]]
    labels = sorted(label for label, score in ours.items() if score["wanted"])
    lines = [
        "| label | spans | " + " | ".join(f"{name}: P | R | F1" for name in names) + " |",
        "|---|---:|" + "---:|---:|---:|" * len(names),
    ]
    for label in labels:
        cells = [_cells(contenders[name].get(label)) for name in names]
        lines.append(f"| {label} | {ours[label]['wanted']} | " + " | ".join(cells) + " |")
    false = {label: int(score["false"] or 0) for label, score in ours.items() if not score["wanted"] and score["false"]}
    if false:
        told = ", ".join(f"{label} {count}" for label, count in sorted(false.items()))
        lines += ["", f"Tandem also found what this set has no label for: {told}."]
    return "\n".join(lines)


def _cells(score: Mapping[str, float | None] | None) -> str:
    if score is None:
        return f"{NONE} | {NONE} | {NONE}"
    return " | ".join(
        NONE if (value := score[name]) is None else f"{value:.3f}" for name in ("precision", "recall", "f1")
    )
