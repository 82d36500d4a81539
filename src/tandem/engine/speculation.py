"""n-gram speculation: what followed these words before may follow again, and checking a guess is cheaper than a step.

A draft is looked up in the text itself (Saxena, prompt lookup decoding, 2023), read together with the last token, and
kept as far as the model then says the same. Whether to guess, and how far, follows from how often guesses on this
text came true. It must not follow from the clock: a run over several tokens uses other kernels than a run over one,
whose logits differ a little, so the same request would say different things on a busy day. What guessing costs here is
measured once, when the model is loaded.
"""

from collections.abc import Callable, Sequence

from tandem.engine.model import LanguageModel

NGRAM_TOKENS = 3
LEAST_GAIN = 1.05
COST_SHARE = 0.4
"""The assumed cost of a drafted token, in steps of one token."""
COST_SHARE_MOST = 0.5
FORGETTING = 0.88
PRIOR_ACCEPTED, PRIOR_OFFERED = 1.0, 2.5
TRIAL_TEXT_TOKENS, TRIAL_DRAFT_TOKENS, TRIALS = 64, 4, 7


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
        kept = FORGETTING**judged
        self._accepted = self._accepted * kept + accepted
        self._offered = self._offered * kept + judged

    def plan(self, limit: int) -> int:
        """The draft length with the most expected tokens per cost; 0 where that gains less than `LEAST_GAIN`."""
        best, best_gain, expected, chance = 0, LEAST_GAIN, 1.0, 1.0
        for tokens in range(1, limit + 1):
            chance *= self.hope
            expected += chance
            gain = expected / (1.0 + COST_SHARE * tokens)
            if gain > best_gain:
                best, best_gain = tokens, gain
        return best


def drafts_pay(model: LanguageModel, clock: Callable[[], float]) -> bool:
    """Whether a drafted token costs at most `COST_SHARE_MOST` of a step here, by the best of a few trials."""
    sequence = model.open()
    sequence.append([0] * TRIAL_TEXT_TOKENS, 0)
    best = {1: float("inf"), 1 + TRIAL_DRAFT_TOKENS: float("inf")}
    for tokens in list(best) * TRIALS:
        sequence.rewind(TRIAL_TEXT_TOKENS)
        began = clock()
        sequence.append([0] * tokens, tokens)
        best[tokens] = min(best[tokens], clock() - began)
    sequence.close()
    return best[1 + TRIAL_DRAFT_TOKENS] <= (1.0 + COST_SHARE_MOST * TRIAL_DRAFT_TOKENS) * best[1]
