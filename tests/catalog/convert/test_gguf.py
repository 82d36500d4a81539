"""Damaged, hostile and unknown files give a clear ConversionFailed; sound ones tell their facts."""

import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from hypothesis import given, settings
from hypothesis import strategies as st

from support.tiny_gguf import Tiny, write_tiny
from tandem.catalog.convert import convert_gguf, read_gguf_header
from tandem.catalog.convert.gguf import GgufFile
from tandem.core.errors import ConversionFailed


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("gguf") / "tiny.gguf", Tiny())


def test_the_header_tells_the_facts(tiny: Path) -> None:
    facts = read_gguf_header(tiny)
    assert (facts.architecture, facts.name, facts.licence) == ("llama", "Tiny", "mit")
    assert (facts.context_tokens, facts.quantization, facts.has_chat_template) == (64, "Q8_0", True)
    assert facts.parameters == sum(tensor.n_elements for tensor in GGUFReader(tiny).tensors)


def test_tensors_decode_as_the_gguf_package_decodes_them(tiny: Path) -> None:
    ours = GgufFile(tiny)
    for tensor in GGUFReader(tiny).tensors:
        entry = ours.tensors[tensor.name]
        theirs = dequantize(tensor.data, tensor.tensor_type).reshape(entry.shape)
        np.testing.assert_array_equal(ours.rows(entry, 0, entry.shape[0]), theirs)


@pytest.mark.parametrize("share", [0, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_short_says_so(tiny: Path, share: float, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[: int(tiny.stat().st_size * share)])
    with pytest.raises(
        ConversionFailed, match=r"cut\.gguf .*(cut short|too short|more than its size).*[Ff]etch it again"
    ):
        read_gguf_header(cut)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_changed_bytes_never_crash_the_reader(tiny: Path, data: st.DataObject) -> None:
    content = bytearray(tiny.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 6000))] = data.draw(st.integers(0, 255))
    changed = tiny.with_name("changed.gguf")
    changed.write_bytes(content)
    try:
        read_gguf_header(changed)
    except ConversionFailed as error:
        assert "changed.gguf" in error.message  # noqa: PT017 most changes are harmless, the others must be named


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04" + b"\0" * 40, "does not begin with GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0) + b"\0" * 20, "version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0) + b"\0" * 20, "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1) + b"\0" * 20, "more than its size allows"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 62) + b"\0" * 9, "announced"),
    ],
)
def test_hostile_openings_are_named(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ConversionFailed, match=words):
        read_gguf_header(path)


def test_an_unknown_architecture_is_named_with_the_known_ones(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "m.gguf", Tiny(architecture="gemma2"))
    with pytest.raises(ConversionFailed, match=r"architecture gemma2.*llama, qwen2, qwen3, phi3"):
        read_gguf_header(path)


def test_an_unread_tensor_type_is_named_with_the_read_ones(tiny: Path, tmp_path: Path) -> None:
    content = tiny.read_bytes()
    name = b"blk.0.attn_q.weight"
    at = content.index(name) + len(name) + 4 + 2 * 8
    assert content[at] == GGMLQuantizationType.Q8_0
    path = tmp_path / "m.gguf"
    path.write_bytes(content[:at] + bytes([GGMLQuantizationType.Q2_K]) + content[at + 1 :])
    with pytest.raises(ConversionFailed, match=r"blk\.0\.attn_q\.weight has type Q2_K.*Q4_K"):
        read_gguf_header(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConversionFailed, match=r"no file .*nowhere\.gguf"):
        read_gguf_header(tmp_path / "nowhere.gguf")


def test_numbers_that_are_not_finite_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "m.gguf", Tiny(kind=GGMLQuantizationType.F32))
    entry = GgufFile(path).tensors["blk.1.ffn_down.weight"]
    with path.open("r+b") as file:
        file.seek(entry.start)
        file.write(struct.pack("<f", float("nan")))
    with pytest.raises(ConversionFailed, match=r"blk\.1\.ffn_down\.weight holds numbers that are not finite"):
        convert_gguf(path, tmp_path / "out", precision="int8")
    assert [item.name for item in tmp_path.iterdir()] == ["m.gguf"]
