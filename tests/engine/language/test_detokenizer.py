"""Text that comes token by token is the text that comes at once."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from support.folders import write_folder
from support.models import model_folder
from tandem.engine.language.detokenizer import Detokenizer
from tandem.engine.language.vocabulary import Vocabulary


def pieces(words: Detokenizer, ids: list[int]) -> list[str]:
    return [*(words.feed(id_) for id_ in ids), words.flush()]


def open_both(path: Path) -> tuple[Vocabulary, Tokenizer]:
    text = path.read_text(encoding="utf-8")
    return Vocabulary(text), Tokenizer.from_str(text)


@pytest.fixture(scope="module")
def real() -> tuple[Vocabulary, Tokenizer]:
    return open_both(model_folder("smollm2-135m") / "tokenizer.json")


@pytest.fixture(scope="module")
def sentence_piece(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vocabulary, Tokenizer]:
    return open_both(write_folder(tmp_path_factory.mktemp("sp"), kind="sentence_piece") / "tokenizer.json")


@pytest.mark.model
@settings(max_examples=300, deadline=None)
@given(ids=st.lists(st.integers(0, 49151) | st.integers(17, 272), max_size=30))
def test_random_tokens_of_the_real_model_give_the_text_of_a_whole_decode(
    real: tuple[Vocabulary, Tokenizer], ids: list[int]
) -> None:
    vocabulary, whole = real
    text = "".join(pieces(Detokenizer(vocabulary.shown), ids))
    assert text == whole.decode(ids, skip_special_tokens=True)


@given(text=st.text(alphabet="the żółw on a 🐢 €!", min_size=1, max_size=40))
def test_sentence_piece_tokens_give_the_text_of_a_whole_decode(
    sentence_piece: tuple[Vocabulary, Tokenizer], text: str
) -> None:
    vocabulary, whole = sentence_piece
    ids = vocabulary.encode(text)
    assert vocabulary.strips_leading_space
    spoken = "".join(pieces(Detokenizer(vocabulary.shown, strip_first=True), ids))
    assert spoken == whole.decode(ids) == text


def test_a_character_waits_for_all_its_bytes() -> None:
    words = Detokenizer([b"a", b"\xf0\x9f", b"\x90", b"\xa2", b"\xc5\xbc"])
    assert [words.feed(id_) for id_ in (0, 1, 2, 3, 4)] == ["a", "", "", "🐢", "ż"]
    assert words.flush() == ""


def test_an_unfinished_character_at_the_end_is_one_replacement() -> None:
    words = Detokenizer([b"a", b"\xf0\x9f\x90"])
    assert pieces(words, [0, 1]) == ["a", "", "\ufffd"]


def test_the_leading_space_is_taken_once() -> None:
    words = Detokenizer([b"", b" the", b" "], strip_first=True)
    assert pieces(words, [0, 1, 1, 2]) == ["", "the", " the", " ", ""]
