"""From logits to one token id, and to honest log-probabilities. A vocabulary of 49,152 costs about 0.1 ms a token."""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tandem.core.errors import Unavailable
from tandem.engine.model import Logits

BLOCK = 256
GREEDY_BELOW = 1e-4
NUCLEUS_DEPTH = 12.0
"""Tokens less likely than the best by more than this (in nats, after temperature) are first left out of the nucleus."""
NUCLEUS_SORT = 1024
NUCLEUS_BINS = 2048
NUCLEUS_BINS_A_NAT = 64.0


class NothingAllowed(Exception):
    """Biases and bans forbid every token, or every one that a grammar allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """How tokens are chosen, all defaults resolved. ``temperature`` 0 is greedy, ``top_k`` 0 is off.

    ``repetition_penalty`` holds for the tokens of the ``prompt`` and for those chosen since; 1 is off.
    """

    temperature: float
    top_p: float
    top_k: int
    seed: int | None
    frequency_penalty: float
    presence_penalty: float
    logit_bias: Mapping[int, float]
    banned: frozenset[int]
    repetition_penalty: float = 1.0
    prompt: Sequence[int] = ()


class Sampler:
    """Chooses tokens for one choice of one request. Same seed, same ``index``, same logits: same tokens.

    Order, as OpenAI and vLLM have it: repetition, bias, penalties, grammar, temperature, top-k, top-p, draw.
    A draw walks the kept tokens by id, so a last-bit difference in logits moves no token's place.
    """

    def __init__(self, choosing: Choosing, size: int, index: int) -> None:
        self._choosing = choosing
        self._frequency = choosing.frequency_penalty
        self._presence = choosing.presence_penalty
        self._penalized = bool(self._frequency or self._presence)
        self._shift = _shift(choosing, size)
        self._repeated = _repeated(choosing, size)
        self._seen: set[int] = set()
        self._random = np.random.Generator(np.random.PCG64(_entropy(choosing.seed, index)))

    def choose(self, logits: Logits, allowed: NDArray[np.bool_] | None = None) -> int:
        """The next token id. ``allowed`` is a grammar's mask over the same ids; ``logits`` is left as it is.

        Raises `NothingAllowed` where the mask and the bans leave no token, `Unavailable` where a logit is not a number.
        """
        if self._repeated is not None:
            logits = _less_likely(logits, self._repeated, np.float32(self._choosing.repetition_penalty))
        if self._shift is not None:
            logits = logits + self._shift
        if allowed is not None:
            logits = np.where(allowed, logits, np.float32(-np.inf))
        best = int(logits.argmax())
        _check(float(logits[best]))
        return best if self._choosing.temperature < GREEDY_BELOW else self._draw(logits, logits[best])

    def note(self, token: int) -> None:
        """A token was taken: it counts for the penalties of those to come."""
        if self._repeated is not None:
            self._repeated[token] = True
        if not self._penalized or self._shift is None:
            return
        self._shift[token] -= self._frequency
        if token not in self._seen:
            self._seen.add(token)
            self._shift[token] -= self._presence

    def _draw(self, logits: Logits, best: np.float32) -> int:
        top_k, top_p = self._choosing.top_k, self._choosing.top_p
        scaled = (logits - best) * np.float32(1.0 / self._choosing.temperature)
        if 0 < top_k < logits.size:
            ids = np.sort(np.argpartition(scaled, -top_k)[-top_k:]).astype(np.intp)
            weights = np.exp(scaled[ids])
            if top_p < 1.0:
                kept = _sorted_nucleus(weights, top_p * float(weights.sum(dtype=np.float64)))
                ids, weights = ids[kept], weights[kept]
            return self._pick(ids, weights)
        masses = np.exp(scaled)
        if top_p < 1.0:
            ids = nucleus(scaled, masses, top_p)
            return self._pick(ids, masses[ids])
        return _pick_among_all(masses, self._random.random())

    def _pick(self, ids: NDArray[np.intp], weights: Logits) -> int:
        steps = np.cumsum(weights, dtype=np.float64)
        at = _place(steps, self._random.random() * float(steps[-1]), "right")
        last = _place(steps, float(steps[-1]), "left")  # a weight of nothing is never drawn, whatever rounding does
        return int(ids[min(at, last)])


def _check(best: float) -> None:
    """``best`` is the largest logit, which numpy makes NaN where any is."""
    if best == -math.inf:
        raise NothingAllowed
    if math.isnan(best):
        raise Unavailable("The model computes what is no number. Pull or import it again, or use another model.")


def nucleus(scaled: Logits, masses: Logits, top_p: float) -> NDArray[np.intp]:
    """The ids, ascending, of the smallest set of likeliest tokens that holds ``top_p`` of the mass.

    ``scaled`` are logits with the best at 0, ``masses`` their exponentials. Of equal tokens the lower ids come first.
    A full sort is avoided: a few likely tokens are sorted; a flat distribution is cut by a histogram of its logits.
    """
    wanted = top_p * float(masses.sum(dtype=np.float64))
    likely = np.flatnonzero(scaled > -NUCLEUS_DEPTH)
    if likely.size <= NUCLEUS_SORT and float(masses[likely].sum(dtype=np.float64)) >= wanted:
        return likely[_sorted_nucleus(masses[likely], wanted)]
    bins = np.minimum(scaled * np.float32(-NUCLEUS_BINS_A_NAT), np.float32(NUCLEUS_BINS - 1)).astype(np.intp)
    steps = np.cumsum(np.bincount(bins, weights=masses, minlength=NUCLEUS_BINS), dtype=np.float64)
    edge = min(_place(steps, wanted, "left"), NUCLEUS_BINS - 1)
    kept = bins < edge
    at_edge = np.flatnonzero(bins == edge)
    rest = wanted - (float(steps[edge - 1]) if edge else 0.0)
    kept[at_edge[_sorted_nucleus(masses[at_edge], rest)]] = True
    return np.flatnonzero(kept)


def _sorted_nucleus(weights: Logits, wanted: float) -> NDArray[np.intp]:
    """Positions, ascending, of the fewest heaviest weights that reach ``wanted`` (at least one)."""
    order = np.argsort(-weights, kind="stable")
    enough = _place(np.cumsum(weights[order], dtype=np.float64), wanted, "left") + 1
    return np.sort(order[:enough])


def _pick_among_all(masses: Logits, draw: float) -> int:
    """Invert the cumulative distribution block by block, so that the whole vocabulary is never copied to float64."""
    whole = masses.size // BLOCK * BLOCK
    sums = masses[:whole].reshape(-1, BLOCK).sum(axis=1, dtype=np.float32).astype(np.float64)
    sums = np.append(sums, masses[whole:].sum(dtype=np.float64))
    steps: NDArray[np.float64] = np.cumsum(sums)
    target = draw * float(steps[-1])
    block = min(_place(steps, target, "right"), int(np.flatnonzero(sums)[-1]))
    inside = masses[block * BLOCK : (block + 1) * BLOCK if block * BLOCK < whole else None].astype(np.float64)
    rest = target - (float(steps[block - 1]) if block else 0.0)
    at = _place(np.cumsum(inside), rest, "right")
    return block * BLOCK + min(at, int(np.flatnonzero(inside)[-1]))


def _place(steps: NDArray[np.float64], target: float, side: Literal["left", "right"]) -> int:
    return int(np.searchsorted(steps, target, side=side))  # pyright: ignore[reportUnknownArgumentType]


def log_probabilities(logits: Logits, chosen: int, top: int) -> tuple[float, list[tuple[int, float]]]:
    """The natural-log probability of ``chosen`` and the ``top`` best tokens, best first, under the unaltered logits.

    Ties go to the lower id, as with greedy decoding.
    """
    best = float(logits.max())
    normalizer = best + float(np.log(np.exp(logits - np.float32(best)).sum(dtype=np.float64)))
    ids: list[int] = []
    if top > 0:
        few = np.argpartition(logits, -top)[-top:] if top < logits.size else np.arange(logits.size)
        edge = logits[few].min()
        few = np.flatnonzero(logits >= edge)
        ids = [int(one) for one in few[np.argsort(-logits[few], kind="stable")][:top]]
    return float(logits[chosen]) - normalizer, [(one, float(logits[one]) - normalizer) for one in ids]


def _shift(choosing: Choosing, size: int) -> Logits | None:
    """What is added to every logit before anything else: biases, bans, and (as they grow) penalties."""
    if not (choosing.logit_bias or choosing.banned or choosing.frequency_penalty or choosing.presence_penalty):
        return None
    shift = np.zeros(size, dtype=np.float32)
    for token, bias in choosing.logit_bias.items():
        shift[token] += bias
    shift[[token for token in choosing.banned if token < size]] = -np.inf
    return shift


def _repeated(choosing: Choosing, size: int) -> NDArray[np.bool_] | None:
    """Which tokens occurred, of shape [size]; ``None`` where that makes no difference."""
    if choosing.repetition_penalty == 1.0:
        return None
    repeated = np.zeros(size, dtype=np.bool_)
    repeated[[token for token in choosing.prompt if token < size]] = True
    return repeated


def _less_likely(logits: Logits, repeated: NDArray[np.bool_], factor: np.float32) -> Logits:
    """The repetition penalty of CTRL (Keskar et al., 2019), as ONNX Runtime GenAI and transformers have it."""
    return np.where(repeated, np.where(logits > 0, logits / factor, logits * factor), logits)


def _entropy(seed: int | None, index: int) -> np.random.SeedSequence:
    """``n`` choices of one seed differ and yet repeat. Without a seed the operating system supplies one."""
    root = secrets.randbits(128) if seed is None else seed
    return np.random.SeedSequence([abs(root), int(root < 0), index])
