"""The prompts that the task model learns from: labelled sets, weak labels from other sets, and our own."""

import csv
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.frames import ENGLISH, POLISH
from training.seeds import SEED_TASKS

OWN = Path(__file__).parent / "own"
MATH_SUBJECTS = ("elementary_mathematics", "high_school_mathematics", "college_mathematics", "abstract_algebra")
SPOKEN_UTILITIES = ("alarm", "timer", "reminder", "weather", "text", "make_call", "share_location", "find_phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A prompt, its task, where it comes from and how far its label is to be trusted (its weight in training)."""

    text: str
    task: str
    source: str
    weight: float = 1.0


def labelled(data: Path) -> list[Row]:
    """The rows of `tasktype`, each with its source."""
    with (data / "tasktype" / "tasktype.jsonl").open(encoding="utf-8") as lines:
        return [Row(text=row["prompt"], task=row["task"], source=row["source"]) for row in map(json.loads, lines)]


def own(name: str) -> list[Row]:
    """Our own prompts: `train` and `wild` to learn from, `held_back` and `fresh` to be judged by."""
    with (OWN / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [Row(text=row["text"], task=row["task"], source=f"own_{row['lang']}") for row in map(json.loads, lines)]


def weak(data: Path, seed: int = 0) -> list[Row]:
    """Rows labelled by where they come from. None is a row of `tasktype`, nor holds the text of one."""
    rng = random.Random(seed)
    known = {row.text.strip().lower() for row in labelled(data)}
    heads = {line[:60] for text in known for line in text.split("\n")}
    rows = [
        *_sampled(rng, _arithmetic(data), 250), *_mmlu(data, rng), *_spoken(data, rng),
        *_sampled(rng, _banking(data), 80),
        *_seed_tasks(data),
        *_framed(_paragraphs(data / "xquad" / "xquad.en.json"), ENGLISH, rng, 420),
        *_framed(_paragraphs(data / "poquad_poleval2024" / "test-A" / "poquad-test-A.json", heads), POLISH, rng, 420),
        *_sampled(rng, _polish_questions(data), 150), *_sampled(rng, _english_questions(data), 100),
    ]  # fmt: skip
    return [row for row in rows if row.text.strip().lower() not in known]


def _sampled(rng: random.Random, rows: Iterator[Row], count: int) -> list[Row]:
    every = list(rows)
    return rng.sample(every, min(count, len(every)))


def _arithmetic(data: Path) -> Iterator[Row]:
    for line in (data / "routellm" / "gsm8k" / "train.jsonl").read_text(encoding="utf-8").splitlines():
        yield Row(text=json.loads(line)["question"], task="math", source="gsm8k_train", weight=0.5)


def _mmlu(data: Path, rng: random.Random) -> Iterator[Row]:
    for path in sorted((data / "routellm" / "mmlu" / "responses").glob("mmlu_*.csv")):
        subject = path.stem.removeprefix("mmlu_")
        if subject in {"logical_fallacies", "formal_logic", "econometrics", "moral_scenarios"}:
            continue
        task = "math" if subject in MATH_SUBJECTS else "mcq_knowledge"
        with path.open(encoding="utf-8", newline="") as lines:
            prompts = [row["prompt"] for row in csv.DictReader(lines)]
        for prompt in rng.sample(prompts, 30 if task == "math" else 6):
            yield Row(text=prompt, task=task, source=f"mmlu_{subject}", weight=0.5)


def _spoken(data: Path, rng: random.Random) -> Iterator[Row]:
    domains = json.loads((data / "clinc150" / "domains.json").read_text(encoding="utf-8"))
    domain = {intent: name for name, intents in domains.items() for intent in intents}
    pairs = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))["train"]
    for text, intent in rng.sample(pairs, 900):
        if intent == "translate":
            yield Row(text=text, task="translation", source="clinc_weak", weight=0.5)
        elif domain[intent] in {"small_talk", "meta"}:
            yield Row(text=text, task="chitchat", source="clinc_weak", weight=0.5)
        elif domain[intent] != "utility" or intent in SPOKEN_UTILITIES:
            yield Row(text=text, task="transactional", source="clinc_weak", weight=0.25)


def _banking(data: Path) -> Iterator[Row]:
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Row(text=row["text"], task="transactional", source="banking_weak", weight=0.4)


def _seed_tasks(data: Path) -> Iterator[Row]:
    for line in (data / "self_instruct" / "data" / "seed_tasks.jsonl").read_text(encoding="utf-8").splitlines():
        seed = json.loads(line)
        task = SEED_TASKS.get(int(seed["id"].rsplit("_", 1)[1]))
        given = seed["instances"][0]["input"]
        if task:
            yield Row(text=f"{seed['instruction']}\n\n{given}".strip(), task=task, source="self_instruct")


def older_arena(data: Path) -> list[Row]:
    """Arena-Hard 0.1, none of which is in `tasktype`, labelled by hand; the prompts stay in the data folder."""
    lines = (OWN / "arena_v01_labels.jsonl").read_text(encoding="utf-8").splitlines()
    tasks = {row["id"]: row["task"] for row in map(json.loads, lines)}
    with (data / "arena_hard" / "arena-hard-v0.1" / "question.jsonl").open(encoding="utf-8") as questions:
        return [
            Row(text=question["prompt"], task=tasks[question["uid"]], source="arena_v01")
            for question in map(json.loads, questions)
            if question["uid"] in tasks
        ]


@dataclass(frozen=True, slots=True)
class _Paragraph:
    text: str
    questions: list[str]


def _paragraphs(path: Path, known: set[str] | frozenset[str] = frozenset()) -> list[_Paragraph]:
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    found = [
        _Paragraph(part["context"], [asked["question"] for asked in part["qas"]])
        for article in articles
        for part in article["paragraphs"]
    ]
    return [part for part in found if not any(head and head in part.text.lower() for head in known if len(head) == 60)]


def _framed(
    paragraphs: list[_Paragraph], frames: dict[str, tuple[str, ...]], rng: random.Random, count: int
) -> Iterator[Row]:
    tasks = sorted(frames)
    for number in range(count):
        part, task = rng.choice(paragraphs), tasks[number % len(tasks)]
        text = _shortened(part.text, rng)
        yield Row(
            text=rng.choice(frames[task]).format(text, rng.choice(part.questions)), task=task, source="framed_weak"
        )


def _shortened(text: str, rng: random.Random) -> str:
    """Whole, or its first sentence or two: people paste long and short."""
    sentences = re.split(r"(?<=[.!?]) ", text)
    return " ".join(sentences[: rng.choice((1, 1, 2, 3, len(sentences)))])


def _polish_questions(data: Path) -> Iterator[Row]:
    for part in _paragraphs(data / "poquad_poleval2024" / "test-A" / "poquad-test-A.json"):
        yield Row(text=part.questions[0], task="factual_qa", source="poquad_weak", weight=0.6)


def _english_questions(data: Path) -> Iterator[Row]:
    for part in _paragraphs(data / "xquad" / "xquad.en.json"):
        yield Row(text=part.questions[0], task="factual_qa", source="xquad_weak", weight=0.5)
