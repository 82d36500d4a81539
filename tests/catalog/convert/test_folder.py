"""The folder that a conversion leaves: whole or not at all, and known to ONNX Runtime GenAI."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from support.genai import og
from support.tiny_gguf import TEMPLATE, TOKENS, Tiny, write_tiny
from tandem.catalog.convert import convert_gguf
from tandem.core.errors import ConversionFailed


class Interrupted(Exception):
    """Stands for a person who presses Control-C."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("source") / "tiny.gguf", Tiny())


@pytest.fixture(scope="module")
def folder(source: Path) -> Path:
    target = source.parent / "model"
    convert_gguf(source, target, precision="int4")
    return target


def test_an_interruption_leaves_what_was_there(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "model"
    convert_gguf(source, target, precision="int8")
    before = (target / "model.onnx").read_bytes()

    def interrupt(done: int, _total: int, _what: str) -> None:
        if done == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        convert_gguf(source, target, precision="int4", progress=interrupt)
    assert (target / "model.onnx").read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["model"]


def test_a_second_conversion_replaces_the_first(source: Path, tmp_path: Path) -> None:
    convert_gguf(source, tmp_path / "model", precision="int8")
    convert_gguf(source, tmp_path / "model", precision="int4")
    assert json.loads((tmp_path / "model" / "tandem.json").read_text())["precision"] == "int4"
    assert [item.name for item in tmp_path.iterdir()] == ["model"]


def test_progress_counts_up_to_its_total(source: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    convert_gguf(source, tmp_path / "m", precision="int4", progress=lambda done, total, _: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(13)]


def test_the_folder_knows_where_it_comes_from(folder: Path, source: Path) -> None:
    card = json.loads((folder / "tandem.json").read_text())
    assert card["kind"] == "chat"
    assert (card["source"], card["licence"], card["context_tokens"]) == (source.name, "mit", 64)
    assert len(card["source_sha256"]) == 64


def test_the_template_and_the_stop_tokens_come_from_the_file(folder: Path) -> None:
    assert json.loads((folder / "tokenizer_config.json").read_text())["chat_template"] == TEMPLATE
    assert json.loads((folder / "genai_config.json").read_text())["model"]["eos_token_id"] == 2


def test_genai_loads_the_folder_and_generates(folder: Path) -> None:
    model = og.Model(str(folder))
    parameters = og.GeneratorParams(model)
    parameters.set_search_options(max_length=40)
    generator = og.Generator(model, parameters)
    generator.append_tokens([5, 6, 7])
    assert generator.get_output("logits").shape == (1, 3, len(TOKENS))
    generator.generate_next_token()
    assert len(generator.get_sequence(0)) == 4


def test_both_tokenizers_agree(folder: Path) -> None:
    theirs = og.Tokenizer(og.Model(str(folder)))
    ours = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text in ("hello", "hello hell", "<|im_start|>hello<|im_end|>"):
        assert ours.encode(text).ids == theirs.encode(text).tolist()
        assert ours.decode(ours.encode(text).ids, skip_special_tokens=False) == text


def test_an_unknown_way_of_cutting_text_is_named(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "m.gguf", Tiny(tokenizer_pre="klingon"))
    with pytest.raises(ConversionFailed, match=r"klingon.*smollm"):
        convert_gguf(path, tmp_path / "out", precision="int4")
