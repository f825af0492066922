"""Rows prepared for a search of nearest neighbors: centered and rescaled to lose little precision."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import row_blocks
from saesim_pl.functional.ground.inputs import same_precision

Nearness = Literal["cosine", "euclidean"]


@dataclass(frozen=True)
class Points:
    """Rows, and the parts of the nearness by which they are ordered.

    ``u_i . u_j - offset_j`` is the nearness of row j to row i, with u the rows less their mean: minus half
    the squared distance of the two rows, plus a constant of row i. For unit rows this is also the order of
    the cosines. Subtracting the mean removes a common offset or a massive dimension, which would bring all
    cosines close to 1.

    Attributes:
        x: The rows as given, in float32 or float64.
        length: Norm of each for ``cosine``, largest entry of all for ``euclidean``; 1 where that is 0.
        mean: Mean of the rows divided by ``length``, in float64.
        rows: ``u``, in the dtype of ``x``.
        offset: ``|u|^2 / 2``, plus 1/2 for a zero row with ``cosine``, in float64.
    """

    x: Float[Tensor, "n d"]
    length: Float[Tensor, "n 1"]
    mean: Float[Tensor, " d"]
    rows: Float[Tensor, "n d"]
    offset: Float[Tensor, " n"]

    def exact(self, index: Int64[Tensor, " m"] | slice) -> Float[Tensor, "m d"]:
        """Some of the rows ``u`` in float64."""
        if self.rows.dtype == torch.float64:
            return self.rows[index]
        return self.x[index].double().div_(self.length[index]).sub_(self.mean)

    def error(self, reach: Tensor, norm: Tensor, dtype: torch.dtype) -> Tensor:
        """Bound on the rounding error of a nearness computed in ``dtype``, for rows up to ``reach`` long.

        Rounding errors of d products add up like a random walk of d steps, each below a third of ``eps``.
        """
        factor = (2 + self.rows.shape[1] ** 0.5 / 4) * torch.finfo(dtype).eps
        return factor * (norm * reach + reach.square() / 2)


def points_of(x: Float[Tensor, "n d"], metric: Nearness) -> Points:
    """The rows of ``x`` for a search; without gradient."""
    (x,) = same_precision(x.detach())
    total, length = x.new_zeros(x.shape[1], dtype=torch.float64), x.new_empty(len(x), 1, dtype=torch.float64)
    if metric == "euclidean":
        length.fill_(_or_one(x.abs().max().double()))
    # Small blocks stay in a cache: this pass is all memory traffic.
    blocks = list(row_blocks(len(x), 32 * x.shape[1], largest=2**21))
    for block in blocks:
        if metric == "cosine":
            length[block] = _norms(x[block].double())
        total += (x[block].double() / length[block]).sum(dim=0)
    rows, offset, mean = torch.empty_like(x), x.new_empty(len(x), dtype=torch.float64), total / len(x)
    for block in blocks:
        centered = (x[block].double() / length[block]).sub_(mean)
        rows[block] = centered
        offset[block] = centered.square_().sum(dim=1) / 2
        if metric == "cosine":
            offset[block] += 0.5 * ~x[block].any(dim=1)
    return Points(x, length, mean, rows, offset)


def _norms(rows: Float[Tensor, "m d"]) -> Float[Tensor, "m 1"]:
    """Norm of each row, also if its squares overflow or underflow; 1 for a zero row."""
    largest = _or_one(rows.abs().amax(dim=1, keepdim=True))
    return largest * _or_one((rows / largest).norm(dim=1, keepdim=True))


def _or_one(value: Tensor) -> Tensor:
    return value.where(value > 0, 1.0)
