"""Reading a folder that the engine is to open: what it is, whether it is whole, and copying it.

Folders come from strangers: every name inside them is checked before it is followed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import cast

import msgspec

from tandem.catalog.manifest import MANIFEST_NAME
from tandem.core.errors import ConversionFailed
from tandem.core.models import Ability, Kind
from tandem.core.ports import Progress
from tandem.core.templates import abilities_of as found_abilities
from tandem.core.templates import read_templates

GENAI_CONFIG = "genai_config.json"
_CODE = "custom_ops_library"
"""The key by which a configuration lets ONNX Runtime load a shared library of operators."""
_CHUNK_BYTES = 4 << 20


class _Added(msgspec.Struct, frozen=True):
    content: str


class _Tokenizer(msgspec.Struct, frozen=True):
    added_tokens: tuple[_Added, ...] | None = None


class _Model(msgspec.Struct, frozen=True):
    type: str
    context_length: int = 0


class _Config(msgspec.Struct, frozen=True):
    model: _Model


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFacts:
    """What a folder says about its model. ``architecture`` is the config's own word, such as ``llama``."""

    kind: Kind
    architecture: str
    context_tokens: int
    abilities: tuple[Ability, ...] = ()
    dimensions: int | None = None
    max_tokens: int | None = None
    licence: str = ""


def read_facts(folder: Path) -> FolderFacts:
    """What is in ``folder``. Raises `ConversionFailed` where it is no model, not whole, or not for this engine."""
    if not folder.is_dir():
        raise ConversionFailed(f"There is no folder {folder}. Give a .gguf file or a folder with {GENAI_CONFIG}.")
    is_chat, is_embedder = (folder / GENAI_CONFIG).is_file(), (folder / "model.onnx").is_file()
    if not is_chat and not is_embedder:
        raise ConversionFailed(
            f"{folder} is no model that Tandem can open: it has neither {GENAI_CONFIG} (a chat model for ONNX Runtime "
            "GenAI) nor model.onnx (an embedder). Choose another folder, or a .gguf file."
        )
    if not (folder / "tokenizer.json").is_file():
        raise ConversionFailed(
            f"{folder} has no tokenizer.json, which Tandem needs to read and write text. "
            "Put the model's tokenizer.json beside its other files."
        )
    return _chat_facts(folder) if is_chat else _embedding_facts(folder)


def model_files(folder: Path) -> list[Path]:
    """The files that make the model, links followed, hidden ones and caches left out."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path.relative_to(folder))]


def copy_files(folder: Path, files: list[Path], target: Path, progress: Progress) -> None:
    """Copy ``files`` of ``folder`` into ``target`` with their relative names; links become what they point at."""
    total, done = sum(path.stat().st_size for path in files), 0
    for path in files:
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, copy.open("wb") as sink:
            while chunk := source.read(_CHUNK_BYTES):
                sink.write(chunk)
                done += len(chunk)
                progress(done, total, f"Copying {path.name}")


def abilities_of(folder: Path) -> tuple[Ability, ...]:
    """What our engine can do with a chat model."""
    beside, config = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    templates = read_templates(
        _json(config).get("chat_template") if config.is_file() else None,
        beside.read_text(encoding="utf-8") if beside.is_file() else None,
    )
    return tuple(sorted(found_abilities(templates, _added_tokens(folder / "tokenizer.json"))))


def _added_tokens(file: Path) -> frozenset[str]:
    """The texts of the tokens that a ``tokenizer.json`` adds to its vocabulary; none where it cannot be read."""
    try:
        added = msgspec.json.decode(file.read_bytes(), type=_Tokenizer).added_tokens or ()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return frozenset()
    return frozenset(token.content for token in added)


def _chat_facts(folder: Path) -> FolderFacts:
    path = folder / GENAI_CONFIG
    try:
        config = msgspec.json.decode(path.read_bytes(), type=_Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConversionFailed(f"{path} is not a configuration of ONNX Runtime GenAI ({error}).") from error
    for key, name in _texts(_json(path)):
        if key == _CODE:
            raise ConversionFailed(
                f"{path} asks to load program code ({name}). Tandem opens models, never programs that come with them; "
                "choose another folder."
            )
        if (key == "filename" or key.endswith("_filename")) and not _inside(folder, name):
            raise ConversionFailed(
                f"{path} names the file {name}, which is not in the folder. "
                "Get the folder again, with all its files, and import that."
            )
    if config.model.context_length <= 0:
        raise ConversionFailed(f"{path} has no model.context_length, so nobody knows how much the model can read.")
    return FolderFacts(
        kind="chat",
        architecture=config.model.type,
        context_tokens=config.model.context_length,
        abilities=abilities_of(folder),
    )


def _embedding_facts(folder: Path) -> FolderFacts:
    """An embedder as our converter writes it: ``tandem.json`` beside it says its sizes."""
    note = _json(folder / MANIFEST_NAME) if (folder / MANIFEST_NAME).is_file() else {}
    dimensions, max_tokens = note.get("dimensions"), note.get("max_tokens")
    if note.get("kind") != "embedding" or not isinstance(dimensions, int) or not isinstance(max_tokens, int):
        raise ConversionFailed(
            f"{folder} holds model.onnx without {GENAI_CONFIG}. Tandem opens such a folder as an embedder only where "
            'its tandem.json says {"kind": "embedding", "dimensions": ..., "max_tokens": ...} and the graph turns '
            "input_ids and attention_mask into one vector for each text."
        )
    return FolderFacts(
        kind="embedding",
        architecture="embedder",
        context_tokens=max_tokens,
        dimensions=dimensions,
        max_tokens=max_tokens,
        licence=str(note.get("licence", "")),
    )


def _texts(node: object) -> Iterator[tuple[str, str]]:
    """Every key with a text that is not empty, however deep."""
    if isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            if isinstance(value, str) and value:
                yield key, value
            else:
                yield from _texts(value)
    elif isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _texts(item)


def _inside(folder: Path, name: str) -> bool:
    for pure in (PurePosixPath(name), PureWindowsPath(name)):
        if pure.is_absolute() or pure.drive or ".." in pure.parts:
            return False
    return (folder / name).is_file()


def _hidden(relative: Path) -> bool:
    return any(part.startswith((".", "__")) for part in relative.parts)


def _json(path: Path) -> dict[str, object]:
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConversionFailed(f"{path} is not JSON. Get the file again.") from error
    if not isinstance(found, dict):
        raise ConversionFailed(f"{path} is not a JSON object. Get the file again.")
    return cast("dict[str, object]", found)
