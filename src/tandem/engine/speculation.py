"""n-gram speculation: what followed these words before may follow them again, and checking a guess is cheaper than a step.

A draft is looked up in the text itself (Saxena, prompt lookup decoding, 2023), read together with the last token, and
kept as far as the model would have said the same. So the text does not change; only the time does. Whether to guess, and how far,
follows from two measurements: how often guesses on this text came true, and what reading more tokens at once costs here.
"""

from collections.abc import Sequence

NGRAM_TOKENS = 3
LEAST_GAIN = 1.05
SHARE_BEFORE_MEASURING = 0.45
SMOOTHING = 0.15
FORGETTING = 0.93
PRIOR_ACCEPTED, PRIOR_OFFERED = 1.0, 2.5


class Lookup:
    """Where each n-gram of a growing text was last seen."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self._found: int | None = None
        self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """The text goes on."""
        for token in tokens:
            self._tokens.append(token)
            if len(self._tokens) >= NGRAM_TOKENS:
                key = tuple(self._tokens[-NGRAM_TOKENS:])
                self._found = self._after.get(key)
                self._after[key] = len(self._tokens)

    def draft(self, limit: int) -> list[int]:
        """What followed the last n-gram when it was last seen, at most ``limit`` tokens; empty where it is new."""
        return [] if self._found is None else self._tokens[self._found : self._found + limit]


class Pace:
    """What a step costs on this machine, now: the seconds of one token, and of each further token read with it."""

    def __init__(self) -> None:
        self._single: float | None = None
        self._share = SHARE_BEFORE_MEASURING

    def observe(self, tokens: int, seconds: float) -> None:
        """A run over so many tokens took so long."""
        if tokens == 1:
            self._single = seconds if self._single is None else _blend(self._single, seconds)
        elif self._single is not None:
            share = (seconds / self._single - 1.0) / (tokens - 1)
            self._share = _blend(self._share, min(max(share, 0.0), 2.0))

    def cost(self, drafted: int) -> float:
        """The cost of checking a draft of so many tokens, in steps of one token."""
        return 1.0 + self._share * drafted


class Wager:
    """How well guesses do on one text. A guess that is not read is still watched, so learning costs nothing."""

    def __init__(self) -> None:
        self._accepted = PRIOR_ACCEPTED
        self._offered = PRIOR_OFFERED

    @property
    def hope(self) -> float:
        """The estimated probability that the next guessed token is right, given that those before it were."""
        return self._accepted / self._offered

    def observe(self, offered: int, accepted: int) -> None:
        """Of ``offered`` guessed tokens the first ``accepted`` came true; the guess after a wrong one says nothing."""
        judged = min(offered, accepted + 1)
        self._accepted = self._accepted * FORGETTING + accepted
        self._offered = self._offered * FORGETTING + judged

    def plan(self, pace: Pace, limit: int) -> int:
        """The draft length with the most expected tokens per cost; 0 where that gains less than `LEAST_GAIN`."""
        best, best_gain, expected, chance = 0, LEAST_GAIN, 1.0, 1.0
        for tokens in range(1, limit + 1):
            chance *= self.hope
            expected += chance
            gain = expected / pace.cost(tokens)
            if gain > best_gain:
                best, best_gain = tokens, gain
        return best


def _blend(old: float, new: float) -> float:
    return old + SMOOTHING * (new - old)
