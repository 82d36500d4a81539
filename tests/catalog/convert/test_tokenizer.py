"""Tokenizers of both families, built from a GGUF header, cut text as their originals do."""

from pathlib import Path

import pytest
from gguf import GGUFWriter, TokenType
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from support.tiny_gguf import Tiny, write_tiny
from tandem.catalog.convert.gguf import GgufFile
from tandem.catalog.convert.tokenizer import tokenizer_json

BYTES = [f"<0x{number:02X}>" for number in range(256)]
PIECES = ["▁", "h", "e", "l", "o", "ll", "he", "hell", "▁hello", "hello", "▁h"]


@pytest.fixture(scope="module")
def sentence_piece(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "t.gguf"
    writer = GGUFWriter(path, "phi3")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", *BYTES, *PIECES])
    writer.add_token_scores([0.0] * 259 + [-float(number) for number in range(len(PIECES))])
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256]
    writer.add_token_types([*kinds, *[TokenType.NORMAL] * len(PIECES)])
    writer.add_bos_token_id(1)
    writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return Tokenizer.from_str(tokenizer_json(GgufFile(path)))


def test_sentence_piece_joins_by_score_and_begins_with_its_first_token(sentence_piece: Tokenizer) -> None:
    assert sentence_piece.encode("hello").tokens == ["<s>", "▁hello"]


def test_what_sentence_piece_does_not_know_becomes_bytes(sentence_piece: Tokenizer) -> None:
    assert sentence_piece.encode("é", add_special_tokens=False).tokens == ["▁", "<0xC3>", "<0xA9>"]


@given(text=st.text())
@settings(max_examples=100, deadline=None)
def test_sentence_piece_gives_any_text_back(sentence_piece: Tokenizer, text: str) -> None:
    if not any(special in text for special in ("<s>", "</s>", "<unk>", "▁")):
        assert sentence_piece.decode(sentence_piece.encode(text).ids) == text


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("smollm", ["abc", "1", "2", "3", "4", "Ġx"]),
        ("gpt-2", ["abc", "1234", "Ġx"]),
        ("llama-bpe", ["abc", "123", "4", "Ġx"]),
        ("qwen2", ["abc", "1", "2", "3", "4", "Ġx"]),
        ("deepseek-r1-qwen", ["abc", "1", "2", "3", "4", "Ġx"]),
        ("gpt-4o", ["abc", "123", "4", "Ġx"]),
    ],
)
def test_text_is_cut_as_the_file_says(name: str, pieces: list[str], tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "m.gguf", Tiny(tokenizer_pre=name))
    tokenizer = Tokenizer.from_str(tokenizer_json(GgufFile(path)))
    cutter = tokenizer.pre_tokenizer
    assert cutter is not None
    assert [piece for piece, _ in cutter.pre_tokenize_str("abc1234 x")] == pieces
