"""The two fits behind the shipped weights: softmax regression by L-BFGS, and ridge regression by its dual.

Both see the hashed features and the counts of `tandem.routing.features`, and both give a `LinearModel`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from tandem.routing.features import BUCKET_BITS, read
from tandem.routing.linear import LinearModel

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Prompts as numbers: hashed features [rows, buckets], sparse, and counts [rows, COUNTS]."""

    hashed: sparse.csr_matrix
    counts: Matrix

    def rows(self, chosen: NDArray[np.int64]) -> "Table":
        """Only these rows."""
        return Table(hashed=self.hashed[chosen], counts=self.counts[chosen])


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """How strongly weights are held to nought: those of hashed features and those of counts."""

    hashed: float
    counts: float


def table(texts: Sequence[str]) -> Table:
    """Read every text as the product does."""
    readings = [read(text) for text in texts]
    starts = np.cumsum([0, *(len(reading.buckets) for reading in readings)])
    amounts = np.concatenate([reading.amounts for reading in readings])
    buckets = np.concatenate([reading.buckets for reading in readings])
    hashed = sparse.csr_matrix((amounts, buckets, starts), shape=(len(texts), 1 << BUCKET_BITS), dtype=np.float32)
    hashed.sum_duplicates()
    return Table(hashed=hashed, counts=np.stack([reading.counts for reading in readings]))


def scores(model: LinearModel, given: Table) -> Matrix:
    """What the model says of every row, [rows, outputs]."""
    return given.hashed @ model.hashed + given.counts @ model.counts + model.bias


def softmax_fit(given: Table, targets: Matrix, weights: Matrix, *, penalty: Penalty, steps: int) -> LinearModel:
    """Softmax regression. `targets` [rows, classes] are probabilities; `weights` [rows] have mean 1."""
    mean, spread = given.counts.mean(0), given.counts.std(0) + np.float32(1e-3)
    scaled, turned = (given.counts - mean) / spread, given.hashed.T.tocsr()
    buckets, kinds, classes = given.hashed.shape[1], scaled.shape[1], targets.shape[1]
    cuts = buckets * classes, (buckets + kinds) * classes

    def parts(flat: NDArray[np.float64]) -> tuple[Matrix, Matrix, Matrix]:
        hashed, counts, bias = np.split(flat.astype(np.float32), cuts)
        return hashed.reshape(-1, classes), counts.reshape(-1, classes), bias

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        hashed, counts, bias = parts(flat)
        raw = given.hashed @ hashed + scaled @ counts + bias
        raw -= raw.max(1, keepdims=True)
        logs = raw - np.log(np.exp(raw).sum(1, keepdims=True))
        error = (np.exp(logs) - targets) * weights[:, None]
        cost = (
            penalty.hashed * (hashed**2).sum() + penalty.counts * (counts**2).sum() - (targets * logs).sum(1) @ weights
        )
        slopes = (
            turned @ error + 2 * penalty.hashed * hashed,
            scaled.T @ error + 2 * penalty.counts * counts,
            error.sum(0),
        )
        return float(cost), np.concatenate([slope.ravel() for slope in slopes]).astype(np.float64)

    start = np.zeros((buckets + kinds + 1) * classes)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps})
    hashed, counts, bias = parts(found.x)
    return LinearModel(hashed=hashed, counts=counts / spread[:, None], bias=bias - (mean / spread) @ counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge:
    """Ridge regression by its dual: `kernel` [rows, rows] is computed once, and any of the rows can be fitted."""

    given: Table
    kernel: Matrix
    mean: Matrix
    spread: Matrix
    penalty: float

    @classmethod
    def over(cls, given: Table, *, penalty: float, counts_share: float) -> "Ridge":
        """`counts_share` is how much the counts matter beside the hashed features."""
        mean, spread = (
            given.counts.mean(0),
            (given.counts.std(0) + np.float32(1e-3)) / np.float32(np.sqrt(counts_share)),
        )
        scaled = (given.counts - mean) / spread
        kernel = (given.hashed @ given.hashed.T).toarray() + scaled @ scaled.T + np.float32(1)
        return cls(given=given, kernel=kernel, mean=mean, spread=spread, penalty=penalty)

    def dual(self, chosen: NDArray[np.int64], targets: Matrix, weights: Matrix) -> Matrix:
        """One number for each chosen row; `targets` and `weights` are theirs."""
        square = self.kernel[np.ix_(chosen, chosen)] + self.penalty * np.diag(1 / weights)
        return np.linalg.solve(square, targets).astype(np.float32)

    def held(self, outside: NDArray[np.int64], chosen: NDArray[np.int64], dual: Matrix) -> Matrix:
        """What the fit on `chosen` says of the rows `outside`."""
        return self.kernel[np.ix_(outside, chosen)] @ dual

    def model(self, dual: Matrix) -> LinearModel:
        """The weights of a fit on all rows."""
        counts = ((self.given.counts - self.mean) / self.spread).T @ dual / self.spread
        bias = np.array([dual.sum() - self.mean @ counts], np.float32)
        return LinearModel(hashed=(self.given.hashed.T @ dual)[:, None], counts=counts[:, None], bias=bias)


def save(model: LinearModel, path: Path) -> None:
    """Write the weights as `tandem.routing.linear.shipped` reads them: hashed rows as int8, one scale an output."""
    scale = np.abs(model.hashed).max(0) / 127
    packed = np.round(model.hashed / scale).astype(np.int8)
    np.savez_compressed(path, hashed=packed, scale=scale, counts=model.counts, bias=model.bias)
