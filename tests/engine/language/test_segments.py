"""What is remembered of earlier texts changes no token of a later one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from support.folders import write_folder
from support.models import model_folder
from tandem.engine.language.segments import Segments
from tandem.engine.language.vocabulary import Vocabulary
from tandem.engine.tokenizer import read_parts

SPECIAL = ("<|im_start|>", "<|im_end|>", "<|im_", "<|im_start|><|im_end|>")
pieces = st.sampled_from([*SPECIAL, "<", "|>", "im_end|>", " ", "  ", "\n", "1234", "zażółć", "Hello", " world", "'s"])
texts = st.lists(pieces | st.text(max_size=12), max_size=12).map("".join)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = write_folder(tmp_path_factory.mktemp("words"), special=SPECIAL, plain_controls=("    ", "<h1>"))
    return json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))


def segments_of(parts: dict[str, Any]) -> Segments | None:
    return Segments.of(Tokenizer.from_str(json.dumps(parts)), read_parts(json.dumps(parts)))


@given(st.lists(texts, min_size=1, max_size=4))
def test_every_text_gets_the_tokens_of_the_tokenizer_itself(parts: dict[str, Any], conversation: list[str]) -> None:
    plain, remembering = Tokenizer.from_str(json.dumps(parts)), segments_of(parts)
    assert remembering is not None
    for length in range(1, len(conversation) + 1):
        text = "<|im_end|>".join(conversation[:length])
        assert remembering.encode(text) == plain.encode(text, add_special_tokens=False).ids


@given(texts, texts)
def test_a_memory_that_is_too_small_forgets_and_still_answers(parts: dict[str, Any], one: str, other: str) -> None:
    plain = Tokenizer.from_str(json.dumps(parts))
    forgetful = Segments(plain, {token["content"]: token["id"] for token in parts["added_tokens"]}, kept_characters=8)
    for text in (one, other, one):
        assert forgetful.encode(text) == plain.encode(text, add_special_tokens=False).ids
    assert forgetful.held_characters <= 8


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "Prepend", "prepend": "\u2581"}},
        {
            "normalizer": {
                "type": "Sequence",
                "normalizers": [{"type": "Strip", "strip_left": True, "strip_right": True}],
            }
        },
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}},
        {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}},
    ],
)
def test_a_tokenizer_that_looks_at_where_a_stretch_stands_is_left_alone(
    parts: dict[str, Any], change: dict[str, Any]
) -> None:
    assert segments_of({**parts, **change}) is None


@pytest.mark.parametrize("rule", ["lstrip", "rstrip", "single_word", "normalized"])
def test_so_is_one_whose_added_tokens_look_around(parts: dict[str, Any], rule: str) -> None:
    added = [{**token, rule: True} for token in parts["added_tokens"]]
    assert segments_of({**parts, "added_tokens": added}) is None


@pytest.fixture(scope="module")
def real() -> tuple[Vocabulary, Tokenizer]:
    text = (model_folder("smollm2-135m") / "tokenizer.json").read_text(encoding="utf-8")
    return Vocabulary(text), Tokenizer.from_str(text)


@pytest.mark.model
@given(st.lists(texts, min_size=1, max_size=3))
def test_the_real_tokenizer_is_remembered_exactly(real: tuple[Vocabulary, Tokenizer], conversation: list[str]) -> None:
    words, plain = real
    for length in range(1, len(conversation) + 1):
        spoken = "".join(f"<|im_start|>user\n{turn}<|im_end|>\n" for turn in conversation[:length])
        assert words.encode(spoken) == plain.encode(spoken, add_special_tokens=False).ids
