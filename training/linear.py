"""Softmax regression on hashed features, by L-BFGS; and how it is evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from tandem.routing.features import BUCKET_BITS, Reading, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Prompts as numbers: hashed features (sparse) and counts (dense)."""

    hashed: sparse.csr_matrix
    counts: np.ndarray

    def rows(self, chosen: np.ndarray) -> "Table":
        return Table(hashed=self.hashed[chosen], counts=self.counts[chosen])


def table(texts: Sequence[str]) -> Table:
    readings = [read(text) for text in texts]
    starts = np.cumsum([0, *(len(reading.buckets) for reading in readings)])
    hashed = sparse.csr_matrix(
        (np.concatenate([r.amounts for r in readings]), np.concatenate([r.buckets for r in readings]), starts),
        shape=(len(texts), 1 << BUCKET_BITS), dtype=np.float32,
    )  # fmt: skip
    hashed.sum_duplicates()
    return Table(hashed=hashed, counts=np.stack([dense(reading) for reading in readings]))


def dense(reading: Reading) -> np.ndarray:
    return reading.counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """`hashed` [buckets, classes], `counts` [counts, classes], `bias` [classes]."""

    hashed: np.ndarray
    counts: np.ndarray
    bias: np.ndarray

    def scores(self, given: Table) -> np.ndarray:
        return given.hashed @ self.hashed + given.counts @ self.counts + self.bias


def fit(
    given: Table, targets: np.ndarray, weights: np.ndarray, *, penalty: float, counts_penalty: float, steps: int = 120
) -> Linear:
    """Softmax regression. `targets` [rows, classes] are probabilities; `weights` [rows] mean 1."""
    mean, spread = given.counts.mean(0), given.counts.std(0) + 1e-3
    scaled = ((given.counts - mean) / spread).astype(np.float32)
    x, xt, classes = given.hashed, given.hashed.T.tocsr(), targets.shape[1]
    sizes = (x.shape[1] * classes, scaled.shape[1] * classes, classes)
    cuts = np.cumsum(sizes)[:2]

    def unpack(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        a, b, c = np.split(flat.astype(np.float32), cuts)
        return a.reshape(-1, classes), b.reshape(-1, classes), c

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        a, b, c = unpack(flat)
        scores = x @ a + scaled @ b + c
        scores -= scores.max(1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        error = (np.exp(logs) - targets) * weights[:, None]
        cost = -(targets * logs).sum(1) @ weights + penalty * (a * a).sum() + counts_penalty * (b * b).sum()
        slopes = (xt @ error + 2 * penalty * a, scaled.T @ error + 2 * counts_penalty * b, error.sum(0))
        return float(cost), np.concatenate([s.ravel() for s in slopes]).astype(np.float64)

    found = optimize.minimize(loss, np.zeros(sum(sizes)), jac=True, method="L-BFGS-B", options={"maxiter": steps})
    a, b, c = unpack(found.x)
    return Linear(hashed=a, counts=b / spread[:, None], bias=c - (mean / spread) @ b)
