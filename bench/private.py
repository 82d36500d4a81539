"""Private text: how much is found, how exactly, and how fast, beside Presidio.

    python -m bench.private --pii FOLDER --pii FOLDER [--presidio-python PYTHON] [--spacy-model NAME]

Writes docs/privacy-numbers.md and .json. Presidio lives in an interpreter of its own:
`python -m venv elsewhere && elsewhere/bin/pip install presidio-analyzer`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import cast

from bench.machine import machine_facts
from bench.private_page import render
from bench.private_score import Score, Spans, scored
from bench.private_sentences import sentences
from bench.private_sets import Rows, read_sets
from bench.private_templates import TEMPLATES
from bench.stable import REPOSITORY
from tandem.routing.private import Detector

SEED = 20_261_123
PROMPT_CHARACTERS = 500
SURE = 0.4
PRESIDIO_LABELS = {
    "PL_PESEL": "PESEL",
    "PL_NIP": "NIP",
    "PL_REGON": "REGON",
    "PL_ID_CARD": "ID_CARD",
    "IBAN_CODE": "IBAN",
    "CREDIT_CARD": "CREDIT_CARD",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IP_ADDRESS": "IP_ADDRESS",
    "US_SSN": "SSN",
    "PERSON": "PERSON",
}


@dataclass(slots=True)
class Run:
    """Everything that the page tells."""

    command: str
    machine: dict[str, str]
    scores: dict[str, dict[str, dict[str, Score]]] = field(default_factory=dict[str, dict[str, dict[str, Score]]])
    """By set, then contender, then label."""
    speed: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """Characters a second by contender, a value for each round."""
    prompt_microseconds: list[float] = field(default_factory=list[float])
    names: str = "off"


class Presidio:
    """Presidio in a child process."""

    def __init__(self, python: str, model: str | None) -> None:
        command = [python, str(Path(__file__).with_name("private_peer.py")), *([model] if model else [])]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
        )
        self._line()

    def find(self, texts: Sequence[str]) -> list[list[tuple[str, int, int, float]]]:
        """What it finds in each text, in either language, with its scores."""
        answer = self._ask(texts)
        rows = cast("list[list[list[str | int | float]]]", answer["found"])
        return [
            [(str(kind), int(start), int(end), float(score)) for kind, start, end, score in items] for items in rows
        ]

    def seconds(self, texts: Sequence[str]) -> tuple[float, float]:
        """How long it takes for all texts: in English alone, and in both languages, as it is scored."""
        answer = self._ask(texts)
        return float(cast("float", answer["seconds"])), float(cast("float", answer["seconds_both"]))

    def close(self) -> None:
        """End the child."""
        self._child.terminate()
        self._child.wait(10)

    def _ask(self, texts: Sequence[str]) -> dict[str, object]:
        if self._child.stdin is None:
            raise RuntimeError("the child has no standard input")
        self._child.stdin.write(json.dumps({"texts": list(texts)}) + "\n")
        self._child.stdin.flush()
        return self._line()

    def _line(self) -> dict[str, object]:
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line:
            raise RuntimeError("Presidio ended. Does its interpreter have presidio-analyzer, and the spaCy model?")
        return cast("dict[str, object]", json.loads(line))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write. Returns 0."""
    options = _parser().parse_args(arguments)
    sets = read_sets(options.pii)
    for at, name in enumerate(TEMPLATES):
        made = sentences(SEED + at, options.sentences, name)
        sets[f"fresh sentences, {name} templates"] = [(sentence.text, sentence.spans) for sentence in made]
    words = [Path(word).name if "/" in word else word for word in (arguments or sys.argv[1:])]
    run = Run(command=" ".join(["python -m bench.private", *words]), machine=dict(machine_facts(1)))
    presidio = Presidio(options.presidio_python, options.spacy_model) if options.presidio_python else None
    if presidio:
        run.names = f"on ({options.spacy_model})" if options.spacy_model else "off"
    detector = Detector()
    for name, rows in sets.items():
        run.scores[name] = _scores(rows, detector, presidio)
    _race(run, [text for rows in sets.values() for text, _ in rows], detector, presidio, options.rounds)
    if presidio:
        presidio.close()
    page: Path = options.out
    page.write_text(render(_as_told(run)), encoding="utf-8")
    page.with_suffix(".json").write_text(
        json.dumps(_as_told(run), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(f"Wrote {page}.", file=sys.stderr)
    return 0


def _scores(rows: Rows, detector: Detector, presidio: Presidio | None) -> dict[str, dict[str, Score]]:
    texts, told = [text for text, _ in rows], [spans for _, spans in rows]
    ours = [tuple((item.label, item.start, item.end) for item in detector.find(text)) for text in texts]
    scores = {"Tandem": scored(told, ours, exact=False), "Tandem, exact spans": scored(told, ours, exact=True)}
    if presidio is None:
        return scores
    theirs = presidio.find(texts)
    for name, least in (("Presidio", 0.0), (f"Presidio, score from {SURE}", SURE)):
        spans: list[Spans] = [
            tuple(
                {
                    (PRESIDIO_LABELS[kind], start, end)
                    for kind, start, end, score in items
                    if kind in PRESIDIO_LABELS and score >= least
                }
            )
            for items in theirs
        ]
        scores[name] = scored(told, spans, exact=False)
    return scores


def _race(run: Run, texts: Sequence[str], detector: Detector, presidio: Presidio | None, rounds: int) -> None:
    """The same texts, one after the other, in turns; and prompts of 500 characters for the gateway's budget."""
    sample = texts[:: max(1, len(texts) // 400)]
    characters = sum(map(len, sample))
    joined = " ".join(texts)
    prompts = [
        joined[at : at + PROMPT_CHARACTERS]
        for at in range(0, min(len(joined), 200_000) - PROMPT_CHARACTERS, PROMPT_CHARACTERS)
    ]
    detector.find_all(sample)
    for _ in range(rounds):
        started = time.process_time()
        detector.find_all(sample)
        run.speed.setdefault("Tandem", []).append(characters / (time.process_time() - started))
        if presidio:
            one, both = presidio.seconds(sample)
            run.speed.setdefault("Presidio in both languages, as scored below", []).append(characters / both)
            run.speed.setdefault("Presidio in English alone", []).append(characters / one)
        started = time.process_time()
        detector.find_all(prompts)
        run.prompt_microseconds.append((time.process_time() - started) / len(prompts) * 1e6)


def _as_told(run: Run) -> dict[str, object]:
    speed = {name: median(values) for name, values in run.speed.items()}
    ours = run.speed["Tandem"]
    return {
        "command": run.command,
        "machine": run.machine,
        "presidio_names": run.names,
        "characters_per_second": speed,
        "times": {
            name: median(own / other for own, other in zip(ours, theirs, strict=True))
            for name, theirs in run.speed.items()
        },
        "microseconds_for_500_characters": {
            "median": median(run.prompt_microseconds),
            "least": min(run.prompt_microseconds),
        },
        "scores": {
            name: {who: {label: score.told() for label, score in labels.items()} for who, labels in contenders.items()}
            for name, contenders in run.scores.items()
        },
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.private", description="Private text, beside Presidio.")
    parser.add_argument(
        "--pii", type=Path, action="append", default=[], help="a folder of labelled sentences; may be repeated"
    )
    parser.add_argument("--presidio-python", help="an interpreter that has presidio-analyzer")
    parser.add_argument("--spacy-model", help="an installed spaCy model: the name recognizer is then on")
    parser.add_argument("--sentences", type=int, default=3000, help="fresh sentences of each kind (default: 3000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the race (default: 5)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "privacy-numbers.md", help="where to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
