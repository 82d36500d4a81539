"""What one token costs beside a model step of about 10 ms; the numbers are printed, the bounds are generous."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from support.models import model_folder
from tandem.core.chat import ChatRequest, Message, ResponseFormat, Sampling
from tandem.engine.language import Language
from tandem.engine.language.sampling import Choosing, Logits, Sampler

VOCABULARY = 49_152
STEPS = 60


def microseconds(act: Callable[[Logits], object]) -> float:
    """The median over many calls, each over other logits, of the best of three rounds."""
    random = np.random.default_rng(0)
    rows = random.normal(0, 3, (STEPS, VOCABULARY)).astype(np.float32)
    rows[np.arange(STEPS)[:, None], random.integers(300, VOCABULARY, (STEPS, 20))] += np.float32(14)
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


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "sampling", "form", "bound"),
    [
        ("greedy, whole", Sampling(temperature=0.0, stop=("###",)), ResponseFormat(), 300),
        ("temperature and top-p, whole", Sampling(temperature=0.7, top_p=0.9, seed=1), ResponseFormat(), 900),
        ("5 log-probabilities", Sampling(temperature=0.0, logprobs=True, top_logprobs=5), ResponseFormat(), 1800),
        ("JSON, greedy", Sampling(temperature=0.0), ResponseFormat(kind="json_object"), 900),
        ("JSON, drawn", Sampling(temperature=0.7, top_p=0.9, seed=1), ResponseFormat(kind="json_object"), 1800),
    ],
)
def test_speaking_a_token_costs_little_beside_choosing_it(
    name: str, sampling: Sampling, form: ResponseFormat, bound: float
) -> None:
    language = Language.open(model_folder("smollm2-135m"))
    request = ChatRequest(
        id="r",
        model="m",
        messages=(Message(role="user", content="Hi"),),
        sampling=sampling,
        response_format=form,
        ignore_eos=True,
    )
    prompt = language.prepare(request)
    utterances = [language.speak(request, prompt, 0)]

    def speak(logits: Logits) -> None:
        if utterances[-1].finished:
            utterances.append(language.speak(request, prompt, 0))
        utterances[-1].next_token(logits)
        utterances[-1].take_events()

    spent = microseconds(speak)
    print(f"{name}: {spent:.0f} microseconds")  # noqa: T201 - a measurement for people
    assert spent < bound
