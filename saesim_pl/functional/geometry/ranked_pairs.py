"""Rank correlation of the dissimilarities of two sides, over all pairs of rows."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.dissimilarities import squares_of_pairs
from saesim_pl.functional.geometry.ranks import average_ranks
from saesim_pl.functional.ground.single_threads import single_threads

Ranks = tuple[Float[Tensor, " pairs"], Float[Tensor, " pairs"]]


def ranks_of_pairs(rows: Float[Tensor, "n d"], dissimilarity: str) -> Float[Tensor, " pairs"]:
    """Ranks of the dissimilarities of all pairs i < j in row-major order."""
    return average_ranks(squares_of_pairs(rows, dissimilarity))


def ranks_of_both(a: Tensor, b: Tensor, dissimilarity: str) -> Ranks:
    """:func:`ranks_of_pairs` on each side."""
    # Sorting has one thread only, so each side gets one for all its work.
    with single_threads() as pool:
        x, y = pool.map(lambda rows: ranks_of_pairs(rows, dissimilarity), (a, b))
    return x, y


def compare_ranks(x: Tensor, y: Tensor, comparison: str) -> Float[Tensor, ""]:
    """Correlation of ranks; for ``rho_a`` their covariance over the variance of ranks without ties."""
    n, means = len(x), torch.stack([x.mean(), y.mean()])
    covariance = torch.dot(x, y) - n * means.prod()
    if comparison == "rho_a":
        return 12 * covariance / (float(n) ** 3 - n)
    variances = torch.stack([torch.dot(x, x), torch.dot(y, y)]) - n * means.square()
    scale = variances.clamp(min=0).sqrt().prod()
    return torch.where(scale > 0, covariance / scale.where(scale > 0, 1.0), 0.0).clamp(-1, 1)


def standard_error(x: Tensor, y: Tensor, n_rows: int, n_all: int) -> Float[Tensor, ""]:
    """Standard error of the rank correlation of ``n_rows`` rows that were drawn from ``n_all``.

    A jackknife over rows: it measures how the correlation changes when the pairs of one row are left out.
    Drawing without replacement multiplies the variance by ``1 - n_rows / n_all``.
    """
    x, y = (ranks / len(x) - 0.5 for ranks in (x, y))
    of_rows = torch.stack([_sums_of_rows(each, n_rows) for each in (x, y, x * x, x * y, y * y)])
    n_pairs = len(x) - (n_rows - 1)
    sum_x, sum_y, xx, xy, yy = (of_rows.sum(dim=1, keepdim=True) / 2 - of_rows) / n_pairs
    scale = ((xx - sum_x**2) * (yy - sum_y**2)).clamp(min=0).sqrt()
    without = (xy - sum_x * sum_y) / scale.where(scale > 0, 1.0)
    return (without.var(correction=0) * (n_rows - 1) * (1 - n_rows / n_all)).sqrt()


def _sums_of_rows(pairs: Float[Tensor, " pairs"], n_rows: int) -> Float[Tensor, " n"]:
    """Sum over the pairs that contain each row."""
    sums = pairs.new_zeros(n_rows)
    for i, others in enumerate(pairs.split(list(range(n_rows - 1, 0, -1)))):
        sums[i] += others.sum()
        sums[i + 1 :] += others
    return sums
