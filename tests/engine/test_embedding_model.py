"""The real embedder: its vectors, its bounds, and what it refuses."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from support.models import model_folder
from tandem.core.errors import BadRequest, ContextLengthExceeded, CorruptFile
from tandem.engine import embedding_model
from tandem.engine.embedding_model import EmbeddingModel, batches, shortened

SHIP, BOAT, TAX = "The ship left the harbour.", "A boat sailed out of the port.", "Income tax is due in April."


@pytest.fixture(scope="module", params=["minilm-l6", "minilm-l6-int8"])
def model(request: pytest.FixtureRequest) -> EmbeddingModel:
    return EmbeddingModel.open(model_folder(str(request.param)), threads=2)


@pytest.mark.model
def test_vectors_have_unit_length_and_near_meanings_are_near(model: EmbeddingModel) -> None:
    vectors, tokens = model.embed([SHIP, BOAT, TAX])

    assert vectors.shape == (3, model.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3
    assert tokens == 8 + 10 + 9


@pytest.mark.model
def test_a_vector_does_not_depend_on_its_neighbours_and_the_order_is_kept(model: EmbeddingModel) -> None:
    texts = [f"{SHIP} " * (1 + i * 7 % 23) + str(i) for i in range(40)]

    together, tokens = model.embed(texts)
    alone = [model.embed([text]) for text in texts]

    np.testing.assert_allclose(together, np.concatenate([vectors for vectors, _ in alone]), atol=1e-5)
    assert tokens == sum(count for _, count in alone)
    np.testing.assert_array_equal(together, model.embed(texts)[0])


@pytest.mark.model
def test_token_ids_mean_the_same_as_their_text_with_or_without_the_special_ones(model: EmbeddingModel) -> None:
    whole = tuple(Tokenizer.from_file(str(model_folder("minilm-l6") / "tokenizer.json")).encode(SHIP).ids)

    (text, bare, full), tokens = model.embed([SHIP, whole[1:-1], whole])

    np.testing.assert_allclose(bare, text, atol=1e-5)
    np.testing.assert_allclose(full, text, atol=1e-5)
    assert tokens == 3 * len(whole)


@pytest.mark.model
def test_a_list_may_be_checked_whole_and_embedded_in_slices(model: EmbeddingModel) -> None:
    texts = [SHIP, BOAT, TAX]
    tokens = model.tokenize(texts)

    slices = [model.embed([one]) for one in tokens]

    np.testing.assert_allclose(np.concatenate([rows for rows, _ in slices]), model.embed(texts)[0], atol=1e-5)
    assert sum(count for _, count in slices) == model.embed(texts)[1]


@pytest.mark.model
def test_the_longest_input_is_read_and_one_token_more_is_refused_by_name(model: EmbeddingModel) -> None:
    longest = "word " * (model.max_tokens - 2)
    assert model.embed([longest])[1] == model.max_tokens

    with pytest.raises(ContextLengthExceeded) as caught:
        model.embed([SHIP, longest + "word"])

    assert caught.value.param == "input[1]"
    assert f"{model.max_tokens + 1} tokens" in caught.value.message
    assert "word" not in caught.value.message


@pytest.mark.model
@pytest.mark.parametrize(
    ("inputs", "dimensions", "param"),
    [
        ([], None, "input"),
        ([SHIP, ""], None, "input[1]"),
        ([()], None, "input[0]"),
        ([(1, 30522)], None, "input[0]"),
        ([(-1,)], None, "input[0]"),
        (["\ud800"], None, "input[0]"),
        ([SHIP], 0, "dimensions"),
        ([SHIP], 385, "dimensions"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_name(
    model: EmbeddingModel, inputs: list[str | tuple[int, ...]], dimensions: int | None, param: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        model.embed(inputs, dimensions)
    assert caught.value.param == param


@pytest.mark.model
@pytest.mark.parametrize("text", [" ", "\0", "🙂" * 50, "a" * 5000, "نص", "<s>[CLS][SEP]"])  # cspell:disable-line
def test_strange_texts_have_vectors_too(model: EmbeddingModel, text: str) -> None:
    vectors, tokens = model.embed([text])
    assert np.isfinite(vectors).all()
    assert tokens >= 2


@pytest.mark.model
def test_fewer_dimensions_are_the_first_ones_at_unit_length(model: EmbeddingModel) -> None:
    whole, _ = model.embed([SHIP, TAX])
    cut, _ = model.embed([SHIP, TAX], dimensions=64)

    assert cut.shape == (2, 64)
    np.testing.assert_allclose(cut, whole[:, :64] / np.linalg.norm(whole[:, :64], axis=1, keepdims=True), atol=1e-6)


@pytest.mark.model
def test_int8_says_nearly_what_float32_says() -> None:
    texts = [SHIP, BOAT, TAX, "def f(x): return x + 1", "Zażółć gęślą jaźń."]
    exact, _ = EmbeddingModel.open(model_folder("minilm-l6")).embed(texts)
    small, _ = EmbeddingModel.open(model_folder("minilm-l6-int8")).embed(texts)

    assert (exact * small).sum(axis=1).min() >= 0.99


@pytest.mark.model
@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json", "tandem.json"])
def test_a_broken_folder_is_called_corrupt_with_the_remedy(tmp_path: Path, broken: str) -> None:
    folder = Path(shutil.copytree(model_folder("minilm-l6"), tmp_path / "minilm-l6"))
    (folder / broken).write_bytes(b"\x00broken")

    with pytest.raises(CorruptFile, match="tandem models pull minilm-l6"):
        EmbeddingModel.open(folder)


@given(st.lists(st.integers(1, 600), max_size=60), st.integers(1, 1024))
def test_batches_hold_every_position_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = list(batches(lengths, budget))

    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * max(lengths[i] for i in group) <= budget for group in groups)


def test_a_vector_that_is_zero_where_it_is_cut_stays_zero() -> None:
    vectors = np.array([[0, 1], [0.6, 0.8]], dtype=np.float32)
    np.testing.assert_allclose(shortened(vectors, 1), [[0], [1]])


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="watches the folder that ONNX Runtime uses on Linux")
def test_opening_a_model_queues_no_report_to_the_vendor(tmp_path: Path) -> None:
    """ONNX Runtime 1.31 queues an event in the user's cache as soon as it is imported, unless told before."""
    folder = str(model_folder("minilm-l6"))
    source = str(Path(embedding_model.__file__).parents[2])
    imports = "from pathlib import Path; from tandem.engine.embedding_model import EmbeddingModel; "
    code = f"{imports} EmbeddingModel.open(Path({folder!r}))"
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": source}

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)

    assert [path for path in tmp_path.rglob("*") if path.suffix.startswith(".db")] == []
