"""Questions that a weak and a strong model both answered: who was right."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

_WEAK, _STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A question, and how good each model's answer was: right 1 and wrong 0, or a judge's mark from 1 to 10."""

    text: str
    weak: float
    strong: float


def mmlu(data: Path) -> list[Outcome]:
    """RouteLLM's answers to MMLU: Mixtral-8x7B and GPT-4."""
    folder = data / "routellm" / "mmlu" / "responses"
    return [outcome for path in sorted(folder.glob("mmlu_*.csv")) for outcome in _csv(path)]


def gsm8k(data: Path) -> list[Outcome]:
    """The same two models on GSM8K."""
    return list(_csv(data / "routellm" / "gsm8k" / "gsm8k_responses.csv"))


def _csv(path: Path) -> Iterator[Outcome]:
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Outcome(text=row["prompt"], weak=row[_WEAK] == "True", strong=row[_STRONG] == "True")


def mt_bench(data: Path) -> list[Outcome]:
    """The same two models on MT-Bench, marked by GPT-4: the mean over both turns. The text is the first turn."""
    questions = (data / "mt_bench" / "mt_bench" / "question.jsonl").read_text(encoding="utf-8").splitlines()
    turns = {asked["question_id"]: asked["turns"][0] for asked in map(json.loads, questions)}
    marks: dict[int, dict[str, list[float]]] = {}
    for line in (data / "routellm" / "mt_bench" / "judgements.jsonl").read_text(encoding="utf-8").splitlines():
        mark = json.loads(line)
        marks.setdefault(mark["question_id"], {}).setdefault(mark["model"], []).append(float(mark["score"]))
    return [
        Outcome(text=turns[number], weak=mean(given[_WEAK]), strong=mean(given[_STRONG]))
        for number, given in sorted(marks.items())
        if number in turns
    ]


def routerarena(data: Path) -> list[Outcome]:
    """Claude 3 Haiku (weak) and Gemini 2.0 Flash (strong) on RouterArena's mixture."""
    folder = data / "routerarena" / "cached_results"
    weak, strong = (_scored(folder / f"{name}.jsonl") for name in ("claude-3-haiku-20240307", "gemini-2.0-flash-001"))
    return [Outcome(text=text, weak=weak[text], strong=strong[text]) for text in weak if text in strong]


def _scored(path: Path) -> dict[str, float]:
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {row["question"]: float(row["evaluation_result"]["score"]) for row in rows if row["evaluation_result"]}
