"""A small trained model over a `Reading`: one row of weights for each hashed feature, one for each count."""

from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO

import numpy as np

from tandem.routing.features import Floats, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearModel:
    """`hashed` float32 [buckets, outputs], `counts` float32 [COUNTS, outputs], `bias` float32 [outputs]."""

    hashed: Floats
    counts: Floats
    bias: Floats

    def scores(self, reading: Reading) -> Floats:
        """One number for each output, float32 [outputs]."""
        scores = reading.amounts @ self.hashed[reading.buckets] + reading.counts @ self.counts + self.bias
        return scores.astype(np.float32, copy=False)


def shipped(name: str) -> LinearModel:
    """The model in `weights/NAME.npz`, whose hashed rows are int8 with one scale for each output. No pickle is read."""
    packed = (files("tandem.routing") / "weights" / f"{name}.npz").read_bytes()
    with np.load(BytesIO(packed), allow_pickle=False) as arrays:
        hashed = arrays["hashed"].astype(np.float32) * arrays["scale"].astype(np.float32)
        return LinearModel(
            hashed=hashed, counts=arrays["counts"].astype(np.float32), bias=arrays["bias"].astype(np.float32)
        )
