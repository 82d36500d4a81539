"""What one token costs beside a model step of about 10 ms; the numbers are printed, the bounds are generous."""

import time
from pathlib import Path

import numpy as np
import pytest
from support.folders import write_folder

from tandem.core.chat import ChatRequest, Message, ResponseFormat, Sampling
from tandem.engine.language import Language
from tandem.engine.language.sampling import Choosing, Sampler

VOCABULARY = 49_152
STEPS = 60


def microseconds(act: object) -> float:
    """The median over many calls, each over other logits, of the best of three rounds."""
    assert callable(act)
    rows = np.random.default_rng(0).normal(0, 3, (STEPS, VOCABULARY)).astype(np.float32)
    rows[:, 100:120] += np.float32(14)
    rounds: list[float] = []
    for _ in range(3):
        spent: list[float] = []
        for row in rows:
            begun = time.perf_counter()
            act(row)
            spent.append(time.perf_counter() - begun)
        rounds.append(sorted(spent)[STEPS // 2])
    return min(rounds) * 1e6


@pytest.mark.parametrize(
    ("name", "temperature", "top_p", "top_k", "penalty", "bound"),
    [
        ("greedy", 0.0, 1.0, 0, 0.0, 300),
        ("temperature", 1.0, 1.0, 0, 0.0, 900),
        ("temperature and top-p", 0.7, 0.9, 0, 0.0, 900),
        ("temperature and top-k", 1.0, 1.0, 50, 0.0, 1200),
        ("temperature, top-p and penalties", 0.7, 0.9, 0, 0.5, 1200),
        ("a flat distribution", 2.0, 0.99, 0, 0.0, 3000),
    ],
)
def test_choosing_a_token_costs_a_small_part_of_a_model_step(
    name: str, temperature: float, top_p: float, top_k: int, penalty: float, bound: float
) -> None:
    sampler = Sampler(
        Choosing(
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            seed=1,
            frequency_penalty=penalty,
            presence_penalty=penalty,
            logit_bias={},
            banned=frozenset(),
        ),
        VOCABULARY,
        0,
    )
    spent = microseconds(sampler.choose)
    print(f"{name}: {spent:.0f} microseconds")  # noqa: T201 - a measurement for people
    assert spent < bound


@pytest.mark.parametrize("kind", ["text", "json_object"])
def test_speaking_a_token_costs_little_beside_choosing_it(tmp_path: Path, kind: str) -> None:
    language = Language.open(write_folder(tmp_path))
    request = ChatRequest(
        id="r",
        model="m",
        messages=(Message(role="user", content="Hi"),),
        sampling=Sampling(temperature=0.0, stop=("###",), max_tokens=400),
        response_format=ResponseFormat(kind="json_object" if kind == "json_object" else "text"),
        ignore_eos=True,
    )
    utterance = language.speak(request, language.prepare(request), 0)
    logits = np.zeros(language.vocabulary_size, dtype=np.float32)
    spent: list[float] = []
    for _ in range(200):
        begun = time.perf_counter()
        utterance.next_token(logits)
        utterance.take_events()
        spent.append(time.perf_counter() - begun)
        if utterance.finished:
            break
    median = sorted(spent)[len(spent) // 2] * 1e6
    print(f"{kind}: {median:.0f} microseconds")  # noqa: T201 - a measurement for people
    assert median < 500
