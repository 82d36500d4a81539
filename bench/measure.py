"""One whole run: who takes part, the course for all of them, what only Tandem is asked, and the outcome as a `Run`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import extras, metrics
from bench.bars import bars
from bench.counting import counter
from bench.course import Announce, Course, Plan
from bench.machine import command_line, machine_facts
from bench.page import Run
from bench.quiet import Patience
from bench.runner import Entry, Runner

TITLES = {"tandem": "Tandem (HTTP)", "genai": "bare GenAI", "foundry": "Foundry Local", "llama": "llama.cpp"}
BUILDER = "builder"
PLAIN = "plain"
FULL = Plan(rounds=3, starts=3, lengths=metrics.LENGTHS, streams=metrics.STREAMS, seconds=450)
QUICK = Plan(rounds=1, starts=1, lengths=metrics.QUICK_LENGTHS, streams=metrics.STREAMS, seconds=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the run works on. ``None`` means that this part is left out; ``only`` empty means every contender."""

    folder: Path
    embedder: Path | None
    builder: Path | None
    gguf: Path | None
    llama_python: str | None
    threads: int
    plan: Plan
    patience_seconds: float = 0.0
    only: frozenset[str] = frozenset()

    @property
    def steps(self) -> int:
        """How many steps will be announced, were nobody absent."""
        return self.plan.steps(len(entries(self))) + len(EXTRAS)


def measure(inputs: Inputs, announce: Announce) -> Run:
    """Run everything. Raises `bench.stable.ContenderFailed` where a contender that had started fails later."""
    began, machine = time.monotonic(), machine_facts(inputs.threads)
    patience = Patience(inputs.patience_seconds)
    course = Course(plan=inputs.plan, count=counter(inputs.folder), announce=announce, settle=patience.settle)
    missing = _missing(inputs)
    stalls = course.start(entries(inputs))
    try:
        course.run(stalls)
        well = [stall for stall in stalls if stall.entry.name not in course.absent]
        versions = _versions(well)
        memory = {stall.entry.title: _memory(stall) for stall in well}
        _ask_only_tandem(inputs, course, well)
    finally:
        for stall in stalls:
            stall.close()
    there = [stall.entry.name for stall in stalls]
    return Run(
        machine=machine,
        command=command_line(),
        seconds=time.monotonic() - began,
        rounds=course.rounds_done,
        contenders={name: title for name, title in TITLES.items() if name in there},
        versions=versions,
        absent={**missing, **{_title(name): why for name, why in course.absent.items()}},
        lengths=inputs.plan.lengths,
        streams=inputs.plan.streams,
        samples=course.samples,
        bars=bars(course.samples),
        checks=[*_checks(course), f"turns waited {patience.waited:.0f} s in all for other programs to rest"],
        memory=memory,
        others_cores=course.others_cores,
    )


def entries(inputs: Inputs) -> list[Entry]:
    """Who takes part."""
    same = {"folder": str(inputs.folder.absolute()), "threads": str(inputs.threads)}
    found = [Entry(name=name, title=TITLES[name], kind=name, options=same) for name in ("tandem", "genai", "foundry")]
    if inputs.gguf is not None and inputs.llama_python is not None:
        options = {"file": str(inputs.gguf.absolute()), "threads": str(inputs.threads)}
        found.append(
            Entry(name="llama", title=TITLES["llama"], kind="llama", options=options, python=inputs.llama_python)
        )
    if inputs.builder is not None:
        options = {**same, "folder": str(inputs.builder.absolute())}
        found.append(
            Entry(
                name=BUILDER, title="bare GenAI, the builder's int4", kind="genai", options=options, decodes_only=True
            )
        )
    options = {**same, "speculation": "off"}
    found.append(
        Entry(name=PLAIN, title="Tandem worker, no speculation", kind="worker", options=options, decodes_only=True)
    )
    return [entry for entry in found if not inputs.only or entry.name in inputs.only]


def _missing(inputs: Inputs) -> Mapping[str, str]:
    why: dict[str, str] = {}
    if inputs.llama_python is None:
        why["llama.cpp"] = "llama-cpp-python is not installed here; name an interpreter that has it: `--llama-python`"
    elif inputs.gguf is None:
        why["llama.cpp"] = "no GGUF file was named: `--gguf`"
    if inputs.builder is None:
        why["the official builder's int4"] = "no folder of it was named: `--builder-folder`"
    return why


def _ask_only_tandem(inputs: Inputs, course: Course, stalls: Sequence[Runner]) -> None:
    rounds, samples = inputs.plan.rounds, course.samples
    ours = next((stall for stall in stalls if stall.entry.name == "tandem"), None)
    if ours is None:
        return
    url, model = ours.facts()["url"], ours.facts()["model"]
    course.announce(EXTRAS[0])
    course.settle()
    extras.openai_client(samples, url, model, 2 * rounds)
    course.announce(EXTRAS[1])
    course.settle()
    extras.cancelling(samples, url, model, ours.processes()[f"worker {model}"], 3 * rounds)
    course.announce(EXTRAS[2])
    course.settle()
    extras.speculation(samples, inputs.folder, inputs.threads, 2 * rounds)
    course.announce(EXTRAS[3])
    course.settle()
    if inputs.embedder is not None:
        extras.embeddings(samples, inputs.folder, inputs.embedder, inputs.threads, rounds)
    course.announce(EXTRAS[4])
    course.settle()
    extras.server_alone(samples, rounds)


EXTRAS = ("the openai client", "cancelling", "speculation", "embeddings", "the server alone")


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _versions(stalls: Sequence[Runner]) -> Mapping[str, str]:
    told = {name: value for stall in stalls for name, value in stall.facts().items()}
    return {name: value for name, value in told.items() if name not in ("url", "model", "seal")}


def _memory(stall: Runner) -> str:
    parts = [
        f"{name} {memory.resident / 1e6:,.0f} MB now, {memory.peak / 1e6:,.0f} MB at most"
        for name, memory in stall.memory().items()
    ]
    return "; ".join(parts)


def _checks(course: Course) -> list[str]:
    """What has to be true for the numbers to be comparable, as it was found."""
    unequal = sorted(
        f"{name} read {found} for {asked}" for (name, asked), found in course.prompt_tokens.items() if found != {asked}
    )
    cached = course.cached_when_cold.get("tandem", -1)
    return [
        "prompt lengths: "
        + ("; ".join(unequal) if unequal else "every contender counted exactly the tokens asked for"),
        f"cold prompts: at most {cached} of their tokens were cached in Tandem, which is where the template begins"
        if cached >= 0
        else "cold prompts: nobody told how much was cached",
        f"idle contenders took at most {course.restless:.1%} of a core during another's turn",
        f"programs outside this run kept {course.others_cores:.2f} cores busy during the turns",
    ]
