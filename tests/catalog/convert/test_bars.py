"""What the converter promises for SmolLM2, kept on the real file: perplexity, time, memory, tokens."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from support.genai import og
from support.onnx_decoder import OnnxDecoder, perplexity
from tandem.catalog.convert import convert_gguf
from tandem.catalog.convert.forward import HiddenState, gated
from tandem.catalog.convert.gguf import GgufFile
from tandem.catalog.convert.rope import rotary_tables
from tandem.catalog.convert.shape import read_shape
from tandem.catalog.convert.weights import DecoderWeights, Floats, Matrix

pytestmark = pytest.mark.model

SHARED = Path(__file__).parents[4] / "shared" / "data"
PAGE = Path(__file__).with_name("page.md")
FLOAT32_ON_THE_COURSE_PAGE = 10.42
CONVERTED_AND_MEASURED = """
import sys, time
from pathlib import Path
from tandem.catalog.convert import convert_gguf
convert_gguf(Path(sys.argv[1]), Path(sys.argv[2]), precision="int4")
status = Path("/proc/self/status")
rows = status.read_text().splitlines() if status.exists() else ["VmHWM: 0 kB"]
print(time.process_time(), next(row.split()[1] for row in rows if row.startswith("VmHWM")))
"""


@pytest.fixture(scope="module")
def int4(smollm2_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bars") / "int4"
    # In a process of its own, by its VmHWM: what getrusage tells is inherited from the process that started it.
    command = [sys.executable, "-c", CONVERTED_AND_MEASURED, str(smollm2_gguf), str(target)]
    seconds, peak = subprocess.run(command, check=True, capture_output=True, text=True, timeout=280).stdout.split()
    assert float(seconds) < 60, "seconds of processor time"
    assert int(peak) < 2 << 20, "KiB of peak memory, where /proc tells it"
    return target


@pytest.fixture(scope="module")
def int8(smollm2_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bars") / "int8"
    convert_gguf(smollm2_gguf, target, precision="int8")
    return target


def tokens_of(folder: Path, text: str) -> list[int]:
    return Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids[:1024]


def float32_perplexity(source: Path, tokens: list[int]) -> float:
    gguf = GgufFile(source)
    shape = read_shape(gguf)
    weights = DecoderWeights(gguf, shape)

    def times(values: Floats, matrix: Matrix) -> Floats:
        return np.concatenate([values @ rows.T for rows in weights.slices(matrix)], axis=-1)

    hidden = HiddenState(shape, rotary_tables(gguf, shape), weights.rows_of_embedding(np.array([tokens])))
    for layer in range(shape.layers):
        normal = hidden.normal(weights.vector(f"blk.{layer}.attn_norm.weight", shape.width))
        attended = hidden.attend(times(normal, weights.qkv(layer)), None)
        hidden.add(times(attended, weights.attention_output(layer)))
        normal = hidden.normal(weights.vector(f"blk.{layer}.ffn_norm.weight", shape.width))
        gate, up = weights.gate_and_up(layer)
        hidden.add(times(gated(times(normal, gate), times(normal, up)), weights.down(layer)))
    logits = times(hidden.normal(weights.vector("output_norm.weight", shape.width)), weights.embedding())[0, :-1]
    logits = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(len(logits)), tokens[1:]] - np.log(np.exp(logits).sum(axis=1))
    return float(np.exp(-chosen.mean()))


@pytest.fixture(scope="module")
def course_page() -> str:
    path = SHARED / "edgeai_course" / "Module08" / "README.md"
    if not path.is_file():
        pytest.skip(f"the public data sets are not beside the checkout: no {path.name} of the course")
    return path.read_bytes()[:9000].decode("utf-8", errors="ignore")


@pytest.mark.shared_data
def test_int4_has_a_perplexity_of_at_most_11_5_on_the_course_page(int4: Path, course_page: str) -> None:
    assert perplexity(OnnxDecoder(int4), tokens_of(int4, course_page)) <= 11.5


@pytest.mark.shared_data
def test_int8_stays_within_one_percent_of_float32_on_the_course_page(int8: Path, course_page: str) -> None:
    found = perplexity(OnnxDecoder(int8), tokens_of(int8, course_page))
    assert found == pytest.approx(FLOAT32_ON_THE_COURSE_PAGE, rel=0.01)


def test_on_our_own_page_int8_is_within_one_percent_and_int4_within_fifteen(
    int4: Path, int8: Path, smollm2_gguf: Path
) -> None:
    tokens = tokens_of(int4, PAGE.read_text(encoding="utf-8"))
    exact = float32_perplexity(smollm2_gguf, tokens)
    assert perplexity(OnnxDecoder(int8), tokens) == pytest.approx(exact, rel=0.01)
    assert perplexity(OnnxDecoder(int4), tokens) < exact * 1.15


def test_naughty_strings_survive_the_tokenizer(int4: Path) -> None:
    tokenizer = Tokenizer.from_file(str(int4 / "tokenizer.json"))
    texts = [
        "",
        " ",
        "\n\n",
        "zażółć gęślą jaźń",
        "👩‍👩‍👧 e\u0301",
        "\u202eabc",
        "١٢٣ 12345",
        "<|im_start|>user\n",
        "\x00\x01",
    ]
    for text in texts:
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_genai_and_tokenizers_cut_ordinary_text_alike(int4: Path) -> None:
    theirs, ours = og.Tokenizer(og.Model(str(int4))), Tokenizer.from_file(str(int4 / "tokenizer.json"))
    for text in PAGE.read_text(encoding="utf-8").split("\n\n"):
        assert theirs.encode(text).tolist() == ours.encode(text).ids
