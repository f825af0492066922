"""Inner products of doubly centered matrices of all pairs of rows, block by block."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.dissimilarities import comparable_rows, dissimilarity_block
from saesim_pl.functional.ground.blocks import row_blocks

Block = Callable[[slice], Float[Tensor, "m n"]]
# Of an element: its two sides and their temporaries, in float64.
_BYTES = 48


def distance_blocks(rows: Float[Tensor, "n d"], dissimilarity: str) -> Block:
    """Distances of some rows from all, in float64, computed on demand; a row's distance from itself is 0."""
    rows = comparable_rows(rows, dissimilarity)

    def block(some: slice) -> Tensor:
        distances = dissimilarity_block(rows[some], rows, dissimilarity)
        distances.diagonal(some.start).zero_()
        return distances

    return block


def centered_correlation(a: Block, b: Block, n: int) -> Float[Tensor, ""]:
    """Cosine of two symmetric n x n matrices less their row and column means; 0 if one is then zero.

    No entry of the centered matrices is needed: their inner product is the sum of ``a_ij b_ij``, less 2 / n
    times the inner product of the row sums, plus the product of the two totals over n^2.
    """
    # Centering leaves a constant out, and near the mean the sums keep their digits.
    shift_a, shift_b = (side(slice(0, 1)).median() for side in (a, b))
    sums, products = [], []
    for some in row_blocks(n, _BYTES * n):
        x, y = a(some).sub_(shift_a), b(some).sub_(shift_b)
        sums.append(torch.stack([x.sum(1), y.sum(1)]))
        u, v = x.flatten(), y.flatten()
        products.append(torch.stack([u @ u, u @ v, v @ v]))
    (r, s), raw = torch.cat(sums, dim=1), torch.stack(products).sum(0)
    totals = torch.stack([r.sum() ** 2, r.sum() * s.sum(), s.sum() ** 2])
    aa, ab, bb = raw - torch.stack([r @ r, r @ s, s @ s]) * (2 / n) + totals / n**2
    # Rounding errors of a constant matrix must not be scaled up to a correlation.
    noise = 64 * torch.finfo(raw.dtype).eps * raw
    alive = (aa > noise[0]) & (bb > noise[2])
    return torch.where(alive, ab / (aa * bb).where(alive, 1.0).sqrt(), 0.0)
