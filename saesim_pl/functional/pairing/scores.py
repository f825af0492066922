"""Matrices of scores between the rows of two sides, whose rows are computed on demand."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.inputs import same_precision, unit_rows
from saesim_pl.product import product

Rows = slice | Int64[Tensor, " block"]
"""Some rows: a slice, or their indices."""


class Scores(ABC):
    """A (n_a, n_b) matrix of scores; a dead row or column scores 0 with everything.

    Args:
        live_a: Rows that may be paired.
        live_b: Columns that may be paired.
        dtype: Dtype of the scores.
    """

    def __init__(
        self, live_a: Bool[Tensor, " n_a"], live_b: Bool[Tensor, " n_b"], dtype: torch.dtype
    ) -> None:
        self.live_a, self.live_b, self.dtype = live_a, live_b, dtype

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.live_a), len(self.live_b)

    @property
    def bytes_per_row(self) -> int:
        """Temporary memory that one row takes: the row and a copy."""
        return 2 * len(self.live_b) * self.dtype.itemsize

    @abstractmethod
    def rows(self, block: Rows) -> Float[Tensor, "block n_b"]:
        """Scores of these rows with all columns, in fresh memory that the caller may change.

        Args:
            block: A slice, or the indices of rows in any order, on the device of ``live_a``.
        """

    def whole(self) -> Float[Tensor, "n_a n_b"]:
        """All scores at once."""
        return self.rows(slice(0, self.shape[0]))


class CosineScores(Scores):
    """Cosine of every row of ``a`` with every row of ``b``."""

    def __init__(self, a: Float[Tensor, "n_a d"], b: Float[Tensor, "n_b d"]) -> None:
        self._a, self._b = (unit_rows(x) for x in same_precision(a, b))
        super().__init__(self._a.any(dim=1), self._b.any(dim=1), self._a.dtype)

    def rows(self, block: Rows) -> Tensor:
        """See :class:`Scores`."""
        rows = self._a[block]
        # The fast product has no gradient.
        needs_gradient = torch.is_grad_enabled() and (rows.requires_grad or self._b.requires_grad)
        return rows @ self._b.T if needs_gradient else product(rows, self._b.T)


class MatrixScores(Scores):
    """Scores given as a matrix; a row or column of zeros is dead."""

    def __init__(self, matrix: Float[Tensor, "n_a n_b"]) -> None:
        (self._matrix,) = same_precision(matrix)
        super().__init__(matrix.any(dim=1), matrix.any(dim=0), self._matrix.dtype)

    def rows(self, block: Rows) -> Tensor:
        """See :class:`Scores`."""
        return self._matrix[block].clone()


class AbsoluteScores(Scores):
    """Absolute value of other scores."""

    def __init__(self, scores: Scores) -> None:
        self._scores = scores
        super().__init__(scores.live_a, scores.live_b, scores.dtype)

    def rows(self, block: Rows) -> Tensor:
        """See :class:`Scores`."""
        return self._scores.rows(block).abs_()
