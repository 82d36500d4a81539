"""Every block format decodes to what the `gguf` package says."""

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize

from tandem.catalog.convert.blocks import FORMATS

BLOCK_FORMATS = [number for number, layout in FORMATS.items() if layout.weights > 1]


@pytest.mark.parametrize("number", FORMATS, ids=lambda number: FORMATS[number].name)
def test_sizes_and_names_are_those_of_the_format(number: int) -> None:
    kind = gguf.GGMLQuantizationType(number)
    assert kind.name == FORMATS[number].name
    assert gguf.GGML_QUANT_SIZES[kind] == (FORMATS[number].weights, FORMATS[number].bytes)


@pytest.mark.parametrize("number", BLOCK_FORMATS, ids=lambda number: FORMATS[number].name)
def test_random_blocks_decode_exactly(number: int) -> None:
    blocks = np.random.default_rng(number).integers(0, 256, (200, FORMATS[number].bytes), dtype=np.uint8)
    with np.errstate(all="ignore"):
        ours = FORMATS[number].decode(blocks)
        theirs = dequantize(blocks, gguf.GGMLQuantizationType(number))
    np.testing.assert_array_equal(ours, theirs.reshape(ours.shape))


def test_bfloat16_is_the_upper_half_of_a_float() -> None:
    halves = np.array([0x3F80, 0xC040, 0x0000], dtype="<u2").view(np.uint8).reshape(-1, 2)
    np.testing.assert_array_equal(FORMATS[30].decode(halves).ravel(), [1.0, -3.0, 0.0])
