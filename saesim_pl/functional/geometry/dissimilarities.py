"""Dissimilarities between the rows of one matrix, whole or in blocks."""

import torch
from jaxtyping import Float, Int
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


def dissimilarity_of_pairs(
    rows: Float[Tensor, "n d"],
    first: Int[Tensor, " pairs"],
    second: Int[Tensor, " pairs"],
    dissimilarity: str,
) -> Float[Tensor, " pairs"]:
    """Dissimilarities of chosen pairs of rows."""
    rows = comparable_rows(rows, dissimilarity)
    step = max(1, 2**22 // rows.shape[1])
    pairs = []
    for some, others in zip(first.split(step), second.split(step), strict=True):
        if dissimilarity in ("cosine", "correlation"):
            pairs.append(1 - (rows[some] * rows[others]).sum(1))
        else:
            squares = (rows[some] - rows[others]).square().sum(1)
            pairs.append(squares if dissimilarity == "squared_euclidean" else squares.sqrt())
    return torch.cat(pairs)


def upper_triangle(
    rows: Float[Tensor, "n d"], dissimilarity: str, block: int = 256
) -> Float[Tensor, " pairs"]:
    """Dissimilarities of all pairs i < j in row-major order; the lower triangle is never computed."""
    rows = comparable_rows(rows, dissimilarity)
    n = len(rows)
    pairs = rows.new_empty(n * (n - 1) // 2)
    filled = 0
    for start in range(0, n - 1, block):
        some = rows[start : start + block]
        square = dissimilarity_block(some, rows[start:], dissimilarity)
        for i, line in enumerate(square[: n - 1 - start]):
            width = len(line) - i - 1
            pairs[filled : filled + width] = line[i + 1 :]
            filled += width
    return pairs
