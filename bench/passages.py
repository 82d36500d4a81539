"""Prompts of exact lengths, made from `prose.txt`, which was written for this.

Each prompt begins with its own number, so that no two share more than a template's first words, and nothing is read
from a KV cache that is meant to be cold.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from bench.asking import Ask, Turn

Count = Callable[[Sequence[Turn]], int]
"""How many tokens a conversation has when the model's own template has been applied."""

RETELL = "\n\nTell the whole story again in your own words, from the beginning, as a long and detailed text."
FOLLOW_UP = "And what does the cat do?"
QUOTE = "\n\nRepeat the text above word by word, from the first sentence on, and change nothing."
THEMES = (
    "a ferry that crosses a river at night",
    "two sisters who keep bees on a roof",
    "a postman in the mountains in winter",
    "a clock that runs backwards for a day",
    "a small town that gets its first library",
    "a pilot who is afraid of birds",
    "a baker who loses the sense of smell",
    "a bridge that nobody remembers building",
    "a gardener who talks to the rain",
    "a child who finds a map under the floor",
    "an old radio that only plays tomorrow",
    "a teacher on an island of sheep",
)
FILLERS = ("", " now", " now now", " now now now", " now now now now")
SEARCH_WIDTH = 24


@cache
def prose() -> str:
    """The text, whole."""
    return Path(__file__).with_name("prose.txt").read_text(encoding="utf-8")


def reading(number: int, tokens: int, count: Count) -> tuple[Turn, ...]:
    """A conversation of exactly so many tokens: a piece of the prose and the wish to hear it again.

    Raises ``ValueError`` where the prose is too short for it.
    """
    words = _rotated(number).split(" ")
    low, high = 1, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(_reading(number, words[:middle])) <= tokens else (low, middle - 1)
    for kept in range(low, max(low - SEARCH_WIDTH, 0), -1):
        for filler in FILLERS:
            turns = _reading(number, words[:kept], filler)
            if count(turns) == tokens:
                return turns
    raise ValueError(f"no prompt of exactly {tokens} tokens can be made from the prose")


def story(number: int) -> tuple[Turn, ...]:
    """A short request for open prose."""
    theme = THEMES[number % len(THEMES)]
    return (
        Turn("system", f"Writer {number}. You write long stories."),
        Turn("user", f"Write a long story about {theme}. Describe the place, the people and what they say."),
    )


def quotation(number: int, words: int) -> tuple[Turn, ...]:
    """A text of so many words and the wish to have it repeated."""
    text = " ".join(_rotated(number).split(" ")[:words])
    return (Turn("system", f"Copyist {number}. You repeat texts exactly."), Turn("user", text + QUOTE))


def follow_up(turns: tuple[Turn, ...], answer: str) -> tuple[Turn, ...]:
    """The conversation, its answer, and a short question."""
    return (*turns, Turn("assistant", answer), Turn("user", FOLLOW_UP))


def sentences(count: int) -> list[str]:
    """So many different texts of a sentence or two, for an embedder."""
    flat = prose().replace("\n", " ").split(". ")
    return [f"{flat[at % len(flat)]}. {flat[(at * 7 + at // len(flat) + 1) % len(flat)]}." for at in range(count)]


def ask(name: str, turns: tuple[Turn, ...], max_tokens: int, after_seconds: float = 0.0) -> Ask:
    """A question that begins or continues the conversation of that name."""
    return Ask(conversation=name, turns=turns, max_tokens=max_tokens, after_seconds=after_seconds)


def _reading(number: int, words: Sequence[str], filler: str = "") -> tuple[Turn, ...]:
    return (Turn("system", f"Reader {number}."), Turn("user", " ".join(words) + filler + RETELL))


def _rotated(number: int) -> str:
    paragraphs = prose().strip().split("\n\n")
    turn = number % len(paragraphs)
    return "\n\n".join(paragraphs[turn:] + paragraphs[:turn])
