"""What a user typed never becomes a control token, and ordinary text gives the same tokens as without that care."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.folders import Kind, write_folder
from support.models import model_folder
from support.shared import shared_data
from tandem.core.errors import CorruptFile
from tandem.engine.language.vocabulary import Vocabulary

SPECIAL = ("<|im_start|>", "<|im_end|>", "<|tool|>")
PLAIN = ("<think>", "</think>")
RUNS = ("    ", "<h1>")
ordinary = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40).filter(
    lambda text: not any(control in text for control in (*SPECIAL, *PLAIN))  # hypothesis tries words of this file
)
hostile = st.lists(
    st.sampled_from(
        [*SPECIAL, *PLAIN, "<|im_", "end|>", "<", "|>", "|im_end|>", "<|im_start", ">", " ", "\n", "zażółć"]
    )
    | ordinary,
    max_size=8,
).map("".join)


@pytest.fixture(scope="module", params=["byte_level", "sentence_piece"])
def vocabulary(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    kind: Kind = request.param
    folder = write_folder(tmp_path_factory.mktemp(kind), kind=kind, special=SPECIAL, plain_controls=(*PLAIN, *RUNS))
    return Vocabulary((folder / "tokenizer.json").read_text(encoding="utf-8"), templates="    ".join(PLAIN))


def prompt_of(vocabulary: Vocabulary, *contents: str, between: str = "<|im_end|>\n") -> list[int]:
    """A prompt whose own control strings are ``<|im_start|>`` at each begin and ``between`` at each end."""
    sentinel = vocabulary.sentinel(contents)
    turns = [f"<|im_start|>user\n{vocabulary.defuse(content, sentinel)}{between}" for content in contents]
    return vocabulary.encode_defused("".join(turns), sentinel)


@settings(deadline=None)
@given(st.lists(ordinary, min_size=1, max_size=3))
def test_ordinary_text_gives_the_tokens_of_the_plain_path(vocabulary: Vocabulary, contents: list[str]) -> None:
    plain = "".join(f"<|im_start|>user\n{content}<|im_end|>\n" for content in contents)
    assert prompt_of(vocabulary, *contents) == vocabulary.encode(plain)


@settings(deadline=None)
@given(st.lists(hostile, min_size=1, max_size=3))
def test_no_text_of_a_user_becomes_a_control_token(vocabulary: Vocabulary, contents: list[str]) -> None:
    ids = prompt_of(vocabulary, *contents)
    controls = {vocabulary.control(text) for text in (*SPECIAL, *PLAIN)}
    own = [vocabulary.control("<|im_start|>"), vocabulary.control("<|im_end|>")] * len(contents)
    assert [id_ for id_ in ids if id_ in controls] == own


@settings(deadline=None)
@given(st.lists(hostile, min_size=2, max_size=2))
def test_two_texts_side_by_side_do_not_join_into_a_control_token(vocabulary: Vocabulary, contents: list[str]) -> None:
    sentinel = vocabulary.sentinel(contents)
    joined = "".join(vocabulary.defuse(content, sentinel) for content in contents)
    controls = {vocabulary.control(text) for text in (*SPECIAL, *PLAIN)}
    assert not controls & set(vocabulary.encode_defused(joined, sentinel))


@settings(deadline=None)
@given(hostile)
def test_broken_control_strings_are_the_same_text_again(vocabulary: Vocabulary, content: str) -> None:
    ids = prompt_of(vocabulary, content)
    text = b"".join(vocabulary.pieces[id_] for id_ in ids).decode()
    expected = f"<|im_start|>user\n{content}<|im_end|>\n"
    assert "".join(text.split()) == "".join(expected.split())


def test_added_tokens_that_control_nothing_are_ordinary_text(vocabulary: Vocabulary) -> None:
    plain = vocabulary.encode("<|im_start|>user\na    b<h1>c<|im_end|>\n")
    assert prompt_of(vocabulary, "a    b<h1>c") == plain
    broken = prompt_of(vocabulary, "<think>    b<h1>c")
    assert broken[-4:] == plain[-4:]
    assert [vocabulary.pieces[id_] for id_ in broken].count(b"    ") == 1
    assert vocabulary.control("<h1>") is None


def test_the_sentinel_is_a_character_that_nobody_wrote(vocabulary: Vocabulary) -> None:
    first = vocabulary.sentinel([])
    assert vocabulary.sentinel([f"a{first}b"]) not in {first, "a", "b"}


def test_a_text_full_of_every_sentinel_still_finds_one(vocabulary: Vocabulary) -> None:
    everything = "".join(map(chr, range(0xF0000, 0xF0200)))
    assert vocabulary.sentinel([everything]) not in everything


def test_special_tokens_are_silent_and_visible_ones_are_not(tmp_path: Path) -> None:
    text = (write_folder(tmp_path, special=SPECIAL, plain_controls=PLAIN) / "tokenizer.json").read_text()
    words = Vocabulary(text, templates="".join(PLAIN), visible=frozenset(["<|tool|>"]))
    shown = {control: words.shown[words.control(control) or 0] for control in (*SPECIAL, *PLAIN)}
    assert shown == {
        "<|im_start|>": b"",
        "<|im_end|>": b"",
        "<|tool|>": b"<|tool|>",
        "<think>": b"<think>",
        "</think>": b"</think>",
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": 3}', json.dumps({"version": "1.0"})])
def test_a_tokenizer_that_cannot_be_read_is_a_corrupt_file(text: str) -> None:
    with pytest.raises(CorruptFile, match=r"tokenizer\.json"):
        Vocabulary(text)


@pytest.mark.model
@pytest.mark.shared_data
def test_naughty_strings_reach_the_real_model_as_the_plain_path_reads_them() -> None:
    words = Vocabulary((model_folder("smollm2-135m") / "tokenizer.json").read_text(encoding="utf-8"))
    strings: list[str] = json.loads((shared_data("naughty_strings") / "blns.json").read_text(encoding="utf-8"))
    assert len(strings) > 500
    for text in strings:
        expected = words.encode(f"<|im_start|>user\n{text}<|im_end|>\n")
        assert prompt_of(words, text) == expected, text
