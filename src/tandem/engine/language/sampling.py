"""From logits to one token id, and to honest log-probabilities. A vocabulary of 49,152 costs about 0.1 ms a token."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
BLOCK = 256
NUCLEUS_DEPTH = 12.0
"""Tokens less likely than the best by more than this (in nats, after temperature) are first left out of the nucleus."""


class NothingAllowed(Exception):
    """Biases and bans forbid every token that a grammar allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """How tokens are chosen, all defaults resolved. ``temperature`` 0 is greedy, ``top_k`` 0 is off."""

    temperature: float
    top_p: float
    top_k: int
    seed: int | None
    frequency_penalty: float
    presence_penalty: float
    logit_bias: Mapping[int, float]
    banned: frozenset[int]


class Sampler:
    """Chooses tokens for one choice of one request. Same seed, same ``index``, same logits: same tokens.

    Order, as in OpenAI's description and in vLLM: bias and penalties, grammar, temperature, top-k, top-p, draw.
    A draw walks the kept tokens by id, so a last-bit difference in logits moves no token's place.
    """

    def __init__(self, choosing: Choosing, size: int, index: int) -> None:
        self._choosing = choosing
        self._frequency = choosing.frequency_penalty
        self._presence = choosing.presence_penalty
        self._penalized = bool(self._frequency or self._presence)
        self._shift = _shift(choosing, size)
        self._seen: set[int] = set()
        self._random = np.random.Generator(np.random.PCG64(_entropy(choosing.seed, index)))

    def choose(self, logits: Logits, allowed: NDArray[np.bool_] | None = None) -> int:
        """The next token id. ``allowed`` is a grammar's mask over the same ids; ``logits`` is left as it is.

        Raises `NothingAllowed` where the mask and the bans leave no token.
        """
        if self._shift is not None:
            logits = logits + self._shift
        if allowed is not None:
            logits = np.where(allowed, logits, np.float32(-np.inf))
            if logits.max() == -np.inf:
                raise NothingAllowed
        if self._choosing.temperature == 0.0:
            return int(logits.argmax())
        return self._draw(logits)

    def note(self, token: int) -> None:
        """A token was taken: it counts for the penalties of those to come."""
        if not self._penalized or self._shift is None:
            return
        self._shift[token] -= self._frequency
        if token not in self._seen:
            self._seen.add(token)
            self._shift[token] -= self._presence

    def _draw(self, logits: Logits) -> int:
        scaled = (logits - logits.max()) * np.float32(1.0 / self._choosing.temperature)
        if 0 < self._choosing.top_k < logits.size:
            ids = np.sort(np.argpartition(scaled, -self._choosing.top_k)[-self._choosing.top_k :]).astype(np.intp)
            weights = np.exp(scaled[ids].astype(np.float64))
            return self._from_few(ids, weights, float(weights.sum()))
        masses = np.exp(scaled)
        if self._choosing.top_p < 1.0:
            ids = np.flatnonzero(scaled > -NUCLEUS_DEPTH)
            total = float(masses.sum(dtype=np.float64))
            if float(masses[ids].sum(dtype=np.float64)) < self._choosing.top_p * total:
                ids = np.flatnonzero(masses)
            return self._from_few(ids, masses[ids].astype(np.float64), total)
        return _pick_among_all(masses, self._random.random())

    def _from_few(self, ids: NDArray[np.intp], weights: NDArray[np.float64], total: float) -> int:
        """Draw from ``ids`` (ascending) of ``weights``, cut to the nucleus of ``top_p`` of ``total``."""
        if self._choosing.top_p < 1.0:
            order = np.argsort(-weights, kind="stable")
            enough = int(np.searchsorted(np.cumsum(weights[order]), self._choosing.top_p * total)) + 1
            kept = np.sort(order[:enough])
            ids, weights = ids[kept], weights[kept]
        steps = np.cumsum(weights)
        at = int(np.searchsorted(steps, self._random.random() * steps[-1], side="right"))
        return int(ids[min(at, ids.size - 1)])


def _pick_among_all(masses: Logits, draw: float) -> int:
    """Invert the cumulative distribution block by block, so that the whole vocabulary is never copied to float64."""
    whole = masses.size // BLOCK * BLOCK
    sums = masses[:whole].reshape(-1, BLOCK).sum(axis=1, dtype=np.float32).astype(np.float64)
    sums = np.append(sums, masses[whole:].sum(dtype=np.float64))
    steps: NDArray[np.float64] = np.cumsum(sums)
    target = draw * steps[-1]
    block = int(np.searchsorted(steps, target, side="right"))
    block = min(block, int(np.flatnonzero(sums)[-1]))
    inside = masses[block * BLOCK : (block + 1) * BLOCK if block * BLOCK < whole else None].astype(np.float64)
    rest = target - (steps[block - 1] if block else 0.0)
    at = int(np.searchsorted(np.cumsum(inside), rest, side="right"))
    return block * BLOCK + min(at, int(np.flatnonzero(inside)[-1]))


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


def _entropy(seed: int | None, index: int) -> np.random.SeedSequence:
    """``n`` choices of one seed differ and yet repeat. Without a seed the operating system supplies one."""
    root = secrets.randbits(128) if seed is None else seed
    return np.random.SeedSequence([abs(root), int(root < 0), index])
