"""A small trained model over a `Reading`: one row of weights for each hashed feature, one for each count."""

from dataclasses import dataclass, field
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from tandem.routing.features import BUCKET_BITS, Floats, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearModel:
    """`hashed` [buckets, outputs] times `scale` [outputs], `counts` float32 [COUNTS, outputs], `bias` [outputs].

    Shipped rows stay int8 in memory: a prompt looks up some 1,800 of them, each a miss of the cache where it is cold.
    `buckets` is a power of two, at most 2**BUCKET_BITS: a smaller model shares a row among neighbouring buckets.
    """

    hashed: NDArray[np.int8] | Floats
    counts: Floats
    bias: Floats
    scale: Floats = field(default_factory=lambda: np.ones(1, np.float32))

    def scores(self, reading: Reading) -> Floats:
        """One number for each output, float32 [outputs]."""
        shared = BUCKET_BITS + 1 - len(self.hashed).bit_length()
        buckets = reading.buckets >> shared if shared else reading.buckets
        rows = self.hashed.take(buckets, axis=0).astype(np.float32, copy=False)
        scores = (reading.amounts @ rows) * self.scale + reading.counts @ self.counts + self.bias
        return scores.astype(np.float32, copy=False)


def shipped(name: str) -> LinearModel:
    """The model in `weights/NAME.npz`, whose hashed rows are int8 with one scale for each output. No pickle is read."""
    packed = (files("tandem.routing") / "weights" / f"{name}.npz").read_bytes()
    with np.load(BytesIO(packed), allow_pickle=False) as arrays:
        return LinearModel(
            hashed=arrays["hashed"],
            scale=arrays["scale"].astype(np.float32),
            counts=arrays["counts"].astype(np.float32),
            bias=arrays["bias"].astype(np.float32),
        )
