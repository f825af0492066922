"""Dissimilarities between the rows of one matrix, whole or in blocks."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import unit_rows

DISSIMILARITIES = ("correlation", "cosine", "euclidean", "squared_euclidean")


def comparable_rows(rows: Float[Tensor, "n d"], dissimilarity: str) -> Float[Tensor, "n d"]:
    """Rows, in float64, whose inner products give the dissimilarity.

    A zero row (for ``correlation``: a constant one) stays zero, and so lies at 1 from every other.
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
    squares = torch.addmm(others.square().sum(1), some, others.T, alpha=-2)
    squares += some.square().sum(1, keepdim=True)
    squares.clamp_(min=0)
    return squares if dissimilarity == "squared_euclidean" else squares.sqrt_()


def dissimilarity_matrix(rows: Float[Tensor, "n d"], dissimilarity: str) -> Float[Tensor, "n n"]:
    """All dissimilarities, with an exactly zero diagonal."""
    rows = comparable_rows(rows, dissimilarity)
    return dissimilarity_block(rows, rows, dissimilarity).fill_diagonal_(0)


def squares_of_pairs(
    rows: Float[Tensor, "n d"], dissimilarity: str, block: int = 256
) -> Float[Tensor, " pairs"]:
    """Squared distances of all pairs i < j in row-major order, which rank as the dissimilarities do.

    Of rows of norm 1, about their mean, for ``cosine`` and ``correlation``: that keeps the digits of rows
    that all point nearly one way. The lower triangle is never computed.
    """
    rows = comparable_rows(rows, dissimilarity)
    alive = rows.any(1)
    rows = rows - rows.mean(0)
    norms = rows.square().sum(1)
    # Rounding leaves this much of the distance of equal rows.
    nothing = 64 * torch.finfo(rows.dtype).eps * norms
    if dissimilarity in ("cosine", "correlation"):
        # A zero row lies at 1 from every other, half a squared distance of 2.
        norms = norms + (~alive).to(norms.dtype)
    n = len(rows)
    pairs = rows.new_empty(n * (n - 1) // 2)
    filled = 0
    for start in range(0, n - 1, block):
        some = slice(start, start + block)
        square = torch.addmm(norms[start:], rows[some], rows[start:].T, alpha=-2).add_(norms[some, None])
        square.masked_fill_(square < nothing[some, None], 0.0)
        for i, line in enumerate(square[: n - 1 - start]):
            width = len(line) - i - 1
            pairs[filled : filled + width] = line[i + 1 :]
            filled += width
    return pairs
