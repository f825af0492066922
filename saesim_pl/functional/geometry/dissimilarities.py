"""Dissimilarities between the rows of one matrix, whole or in blocks."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import unit_rows

DISSIMILARITIES = ("correlation", "cosine", "euclidean", "squared_euclidean")


def comparable_rows(rows: Float[Tensor, "n d"], dissimilarity: str) -> Float[Tensor, "n d"]:
    """Rows, in float64, whose inner products give the dissimilarity.

    A zero row (for ``correlation``: a constant one) stays zero, so its dissimilarity to every other row is 1.
    """
    rows = rows.double()
    if dissimilarity == "cosine":
        return unit_rows(rows)
    if dissimilarity == "correlation":
        constant = (rows == rows[:, :1]).all(1, keepdim=True)
        return unit_rows(torch.where(constant, 0.0, rows - rows.mean(1, keepdim=True)))
    # Far from the origin, differences of large squares would drown small distances.
    return rows - rows.mean(0)


def dissimilarity_block(
    some: Float[Tensor, "m d"], others: Float[Tensor, "n d"], dissimilarity: str
) -> Float[Tensor, "m n"]:
    """Dissimilarities of :func:`comparable_rows`: 1 - cosine or correlation, or a distance."""
    if dissimilarity in ("cosine", "correlation"):
        return torch.addmm(some.new_ones(1, 1), some, others.T, alpha=-1)
    squares = _squares(some, others, some.square().sum(1), others.square().sum(1))
    return squares if dissimilarity == "squared_euclidean" else squares.sqrt_()


def _squares(some: Tensor, others: Tensor, norms: Tensor, norms_of_others: Tensor) -> Tensor:
    """``norms`` of both less twice their inner products; equal rows give exactly 0."""
    squares = torch.addmm(norms_of_others, some, others.T, alpha=-2).add_(norms[:, None])
    # Rounding leaves this much of the distance of equal rows, whose root would not be small.
    nothing = 64 * torch.finfo(some.dtype).eps * some.square().sum(1, keepdim=True)
    return squares.masked_fill_(squares < nothing, 0.0).clamp_(min=0)


def dissimilarity_matrix(rows: Float[Tensor, "n d"], dissimilarity: str) -> Float[Tensor, "n n"]:
    """All dissimilarities, with an exactly zero diagonal."""
    rows = comparable_rows(rows, dissimilarity)
    return dissimilarity_block(rows, rows, dissimilarity).fill_diagonal_(0)


def squares_of_pairs(
    rows: Float[Tensor, "n d"], dissimilarity: str, block: int = 256
) -> Float[Tensor, " pairs"]:
    """Squared distances of all pairs i < j in row-major order, which rank as the dissimilarities do.

    For ``cosine`` and ``correlation`` the rows have norm 1 and are taken about their mean: this keeps
    precision when all rows point in nearly the same direction. The lower triangle is never computed.
    """
    rows = comparable_rows(rows, dissimilarity)
    alive = rows.any(1)
    rows = rows - rows.mean(0)
    norms = rows.square().sum(1)
    if dissimilarity in ("cosine", "correlation"):
        # A zero row has dissimilarity 1 to every other, half a squared distance of 2.
        norms = norms + (~alive).to(norms.dtype)
    n = len(rows)
    pairs = rows.new_empty(n * (n - 1) // 2)
    filled = 0
    for start in range(0, n - 1, block):
        some = slice(start, start + block)
        square = _squares(rows[some], rows[start:], norms[some], norms[start:])
        for i, line in enumerate(square[: n - 1 - start]):
            width = len(line) - i - 1
            pairs[filled : filled + width] = line[i + 1 :]
            filled += width
    return pairs
