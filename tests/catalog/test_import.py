"""A GGUF file, or a folder that ONNX Runtime GenAI opens, becomes a model; anything else says why not."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from support.models import model_folder
from support.one_layer_gguf import CONTEXT, write_tiny_gguf
from support.steps import Steps
from tandem.catalog.catalog import Catalog
from tandem.catalog.folders import abilities_of, read_facts
from tandem.core.errors import BadRequest, ConversionFailed
from tandem.core.models import ModelCard


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelCard, Steps]:
    """A tiny GGUF file that was imported: the data folder, the card and the steps."""
    home = tmp_path_factory.mktemp("import") / "home"
    steps = Steps()
    file = write_tiny_gguf(home.parent / "some file.Q4.gguf")
    return home, asyncio.run(Catalog(home).import_path(file, steps)), steps


@pytest.fixture
def folder(made: tuple[Path, ModelCard, Steps], tmp_path: Path) -> Path:
    """Somebody's folder with a whole model."""
    copy = Path(shutil.copytree(made[0] / "models" / "tiny-model-0.1b", tmp_path / "My Model"))
    (copy / "tandem.json").unlink()
    return copy


def bring(
    home: Path, path: Path, *, model: str | None = None, precision: Literal["int4", "int8"] = "int4"
) -> ModelCard:
    return asyncio.run(Catalog(home).import_path(path, Steps(), model=model, precision=precision))


def test_a_gguf_file_becomes_a_model_named_by_its_own_name(made: tuple[Path, ModelCard, Steps]) -> None:
    home, card, steps = made

    assert (card.id, card.name, card.licence) == ("tiny-model-0.1b", "Tiny Model 0.1B", "mit")
    assert (card.kind, card.context_tokens, card.installed) == ("chat", CONTEXT, True)
    assert card.source == "file some file.Q4.gguf"
    assert card.path == str(home / "models" / "tiny-model-0.1b")
    assert steps.whats[0] == "Converting tiny-model-0.1b to int4"
    assert card in Catalog(home).cards()


def test_an_id_and_a_precision_can_be_chosen(tmp_path: Path) -> None:
    card = bring(tmp_path / "home", write_tiny_gguf(tmp_path / "t.gguf"), model="mine", precision="int8")

    assert card.id == "mine"
    assert Catalog(tmp_path / "home").manifest("mine").precision == "int8"


def test_a_folder_becomes_a_model_that_its_original_cannot_break(folder: Path, tmp_path: Path) -> None:
    card = bring(tmp_path / "home", folder)
    shutil.rmtree(folder)

    assert (card.id, card.context_tokens) == ("my-model", CONTEXT)
    assert card.source == "folder My Model"
    assert read_facts(Path(str(card.path))).context_tokens == CONTEXT
    assert "my-model" in {found.id for found in Catalog(tmp_path / "home").cards() if found.installed}


def test_a_folder_of_links_is_copied_as_files(folder: Path, tmp_path: Path) -> None:
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for file in folder.iterdir():
        (linked / file.name).symlink_to(file)
    (linked / ".cache").mkdir()
    (linked / ".cache" / "huge.bin").write_bytes(b"x")

    card = bring(tmp_path / "home", linked)

    copied = list(Path(str(card.path)).rglob("*"))
    assert not any(path.is_symlink() for path in copied)
    assert "huge.bin" not in {path.name for path in copied}


def test_ids_that_are_taken_or_cannot_be_are_refused(made: tuple[Path, ModelCard, Steps], tmp_path: Path) -> None:
    home, file = made[0], write_tiny_gguf(tmp_path / "t.gguf")

    for taken in ("smollm2-135m", "tiny-model-0.1b", "auto", "../up", "A B"):
        with pytest.raises(BadRequest) as told:
            bring(home, file, model=taken)
        assert told.value.param == "id"
    with pytest.raises(BadRequest, match=r"tandem models rm tiny-model-0\.1b"):
        bring(home, file)
    assert not (home / "up").exists()


def test_what_is_no_model_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.gguf").write_text("not a gguf file, but long enough to be read as one")
    (tmp_path / "cut.gguf").write_bytes(write_tiny_gguf(tmp_path / "t.gguf").read_bytes()[:4000])
    write_tiny_gguf(tmp_path / "mamba.gguf", architecture="mamba")

    for name in ("empty", "text.gguf", "cut.gguf", "mamba.gguf", "absent.gguf"):
        with pytest.raises(ConversionFailed):
            bring(tmp_path / "home", tmp_path / name, model="fresh")

    assert not (tmp_path / "home" / "models").exists()


def test_an_architecture_that_cannot_be_converted_is_named_with_those_that_can(tmp_path: Path) -> None:
    with pytest.raises(ConversionFailed) as told:
        bring(tmp_path / "home", write_tiny_gguf(tmp_path / "m.gguf", architecture="mamba"))

    assert all(word in told.value.message for word in ("mamba", "llama", "qwen2", "qwen3", "phi3"))


def rewrite(folder: Path, *, filename: str = "model.onnx", **model: object) -> None:
    config = json.loads((folder / "genai_config.json").read_text())
    config["model"] |= model
    config["model"]["decoder"]["filename"] = filename
    (folder / "genai_config.json").write_text(json.dumps(config))


@pytest.mark.model
def test_an_embedders_folder_becomes_an_embedder(tmp_path: Path) -> None:
    card = bring(tmp_path / "home", model_folder("minilm-l6"), model="my-embedder")

    assert (card.kind, card.dimensions, card.context_tokens) == ("embedding", 384, 512)
    assert card.abilities == frozenset()


def test_an_embedder_without_its_sizes_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "genai_config.json").unlink()

    with pytest.raises(ConversionFailed, match="embedder"):
        bring(tmp_path / "home", folder)


def test_the_template_tells_what_a_model_can_do(tmp_path: Path) -> None:
    def abilities(template: object) -> tuple[str, ...]:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
        return abilities_of(tmp_path)

    assert abilities("{{ messages }} talk about tools") == ("json_schema", "logprobs")
    assert abilities("{%- if tools %}x{% endif %}") == ("json_schema", "logprobs", "tools")
    assert abilities("{# {{ tools }} #}{{ 'tools' }}{% if x == \"no tools\" %}{% endif %}") == (
        "json_schema",
        "logprobs",
    )
    assert abilities("{{ message['tools'] }}") == ("json_schema", "logprobs", "tools")
    both = [{"name": "default", "template": "{{ x }}"}, {"name": "tool_use", "template": "{{ tools }}"}]
    assert abilities(both) == ("json_schema", "logprobs", "tools")
    assert abilities([{"name": "default", "template": "<think>"}]) == ("json_schema", "logprobs", "reasoning")
    assert abilities(None) == ("json_schema", "logprobs")


SPOILED: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json"),
    (lambda folder: (folder / "model.onnx").unlink(), "model.onnx"),
    (lambda folder: (folder / "genai_config.json").write_text("{"), "genai_config.json"),
    (lambda folder: (folder / "genai_config.json").write_text('{"model": {}}'), "type"),
    (lambda folder: rewrite(folder, filename="../../outside.onnx"), "outside.onnx"),
    (lambda folder: rewrite(folder, filename="/etc/passwd"), "passwd"),
    (lambda folder: rewrite(folder, custom_ops_library="evil.so"), "program code"),
    (lambda folder: rewrite(folder, nested=[{"config_filename": "..\\..\\up.json"}]), "up.json"),
    (lambda folder: rewrite(folder, context_length=0), "context_length"),
    (lambda folder: rewrite(folder, type="no-such-architecture"), "no-such-architecture"),
    (lambda folder: (folder / "model.onnx.data").unlink(), "cannot run"),
    (lambda folder: (folder / "model.onnx").write_bytes(b"\x08"), "cannot run"),
]


@pytest.mark.parametrize(("spoil", "says"), SPOILED)
def test_a_folder_that_is_not_whole_is_refused_with_the_reason(
    spoil: Callable[[Path], object], says: str, folder: Path, tmp_path: Path
) -> None:
    spoil(folder)

    with pytest.raises(ConversionFailed, match=says):
        bring(tmp_path / "home", folder)

    assert not (tmp_path / "home" / "models").exists()
