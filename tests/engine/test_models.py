"""The two ways to open a folder keep the same promises: a sequence is its tokens, however it came by them."""

from pathlib import Path

import numpy as np
import pytest

from support.models import model_folder
from tandem.core.errors import CorruptFile
from tandem.engine.frames import Runtime
from tandem.engine.genai import GenAIModel
from tandem.engine.geometry import FIRST_CAPACITY_TOKENS, Geometry
from tandem.engine.model import LanguageModel
from tandem.engine.runtime import open_model
from tandem.engine.session import SessionModel

RUNTIMES: tuple[Runtime, ...] = ("auto", "genai")
TEXT = [1000 + (at * at * 31 + at * 7) % 40000 for at in range(FIRST_CAPACITY_TOKENS + 60)]

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder() -> Path:
    return model_folder("smollm2-135m")


@pytest.fixture(scope="module", params=RUNTIMES)
def model(request: pytest.FixtureRequest, folder: Path) -> LanguageModel:
    return open_model(folder, threads=2, runtime=request.param)


def test_a_plain_decoder_gets_kv_memory_of_our_own(folder: Path) -> None:
    assert isinstance(open_model(folder, threads=1), SessionModel)
    assert isinstance(open_model(folder, threads=1, runtime="genai"), GenAIModel)


def test_both_ways_give_the_same_logits(folder: Path) -> None:
    one, other = (open_model(folder, threads=2, runtime=runtime).open() for runtime in RUNTIMES)
    for piece, rows in ((TEXT[:40], 1), (TEXT[40:41], 1), (TEXT[41:46], 5)):
        assert np.array_equal(one.append(piece, rows), other.append(piece, rows))


def test_pieces_of_a_prompt_add_up_to_the_prompt(model: LanguageModel) -> None:
    whole, pieces = model.open(), model.open()
    expected = whole.append(TEXT[:90], 1)
    pieces.append(TEXT[:30], 0)
    pieces.append(TEXT[30:74], 0)
    assert np.array_equal(pieces.append(TEXT[74:90], 1), expected)
    assert whole.length == pieces.length == 90


def test_a_rewound_sequence_is_a_shorter_one(model: LanguageModel) -> None:
    sequence = model.open()
    sequence.append(TEXT[:50], 0)
    expected = sequence.append(TEXT[50:60], 1)
    sequence.append([5, 6, 7], 0)
    sequence.rewind(50)
    assert sequence.length == 50
    assert np.array_equal(sequence.append(TEXT[50:60], 1), expected)


def test_a_sequence_that_outgrows_its_memory_goes_on(model: LanguageModel) -> None:
    sequence, small = model.open(), FIRST_CAPACITY_TOKENS - 10
    sequence.append(TEXT[:small], 0)
    before = sequence.byte_count
    grown = sequence.append(TEXT[small : small + 40], 1)
    assert sequence.byte_count > before
    fresh = model.open()
    fresh.append(TEXT[:small], 0)
    assert np.abs(grown - fresh.append(TEXT[small : small + 40], 1)).max() < 1e-3


def test_a_copy_goes_on_like_the_original_and_apart_from_it(folder: Path) -> None:
    model = open_model(folder, threads=2)
    original = model.open()
    original.append(TEXT[:60], 0)
    copy = model.fork(original, 48)
    assert copy is not None
    assert copy.length == 48
    copied = copy.append(TEXT[48:60], 1)
    copy.append([5] * 30, 0)
    original.rewind(48)
    assert np.array_equal(original.append(TEXT[48:60], 1), copied)


def test_a_sequence_tells_what_memory_it_takes(model: LanguageModel) -> None:
    sequence = model.open()
    assert sequence.byte_count == 0
    sequence.append(TEXT[:100], 0)
    assert sequence.byte_count == model.bytes_for(100)
    sequence.close()
    assert sequence.byte_count == 0
    assert sequence.length == 0


def test_the_kv_of_the_embedded_model_takes_46080_bytes_a_token(folder: Path) -> None:
    geometry = Geometry.read(folder)
    assert geometry.kv_bytes_per_token == 2 * 30 * 3 * 64 * 4
    assert geometry.capacity_for(1) == 1024
    assert geometry.capacity_for(1025) == 2048
    assert geometry.capacity_for(8192) == 8192


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_graph_that_is_not_one_is_a_corrupt_file(folder: Path, tmp_path: Path, runtime: Runtime) -> None:
    (tmp_path / "genai_config.json").write_bytes((folder / "genai_config.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(CorruptFile, match=str(tmp_path)):
        open_model(tmp_path, threads=1, runtime=runtime)
