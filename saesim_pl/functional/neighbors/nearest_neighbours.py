"""Nearest neighbors of every row among the other rows."""

from typing import get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks
from saesim_pl.functional.ground.inputs import check_matrix, check_option
from saesim_pl.functional.neighbors.near_rows import NearRows
from saesim_pl.functional.neighbors.neighbor_sets import NeighborSets
from saesim_pl.functional.neighbors.points import Nearness, Points, points_of
from saesim_pl.product import product

# Candidates beyond the k-th neighbor, among which float64 decides where the search cannot.
_SPARE = 4


def nearest_neighbours(
    x: Float[Tensor, "n d"],
    k: int,
    metric: Nearness = "cosine",
    memory_budget: int = MEMORY_BUDGET,
) -> Int64[Tensor, "n k"]:
    """The ``k`` nearest other rows of every row, nearest first, ties by lower index.

    The search runs in the dtype of the rows. Cases that its rounding leaves undecided are decided in
    float64, where rows that differ by no more than rounding errors are ties. A zero row has cosine 0 with
    every row.

    Args:
        x: Rows.
        k: Neighbors of each row.
        metric: Measure of nearness, ``cosine`` or ``euclidean``.
        memory_budget: Bytes for temporaries.

    Raises:
        ValueError: ``k`` does not lie in [1, n - 1], or the metric is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import nearest_neighbours
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.2, 1.0]])
        >>> nearest_neighbours(x, k=1).tolist()
        [[1], [0], [3], [2]]
    """
    check_matrix("x", x)
    check_neighbors(len(x), k, metric)
    return sets_of_points(points_of(x, metric), k, memory_budget).index


def check_neighbors(n: int, k: int, metric: str) -> None:
    """Refuse more neighbors than there are other rows, and unknown metrics."""
    if not 1 <= k < n:
        raise ValueError(f"k must lie in [1, n - 1]: got k={k} with n={n} rows")
    check_option("metric", metric, get_args(Nearness))


def sets_of_points(points: Points, k: int, memory_budget: int = MEMORY_BUDGET) -> NeighborSets:
    """:func:`nearest_neighbours` of :func:`points_of`, with their ties."""
    u, n = points.rows, len(points.rows)
    n_candidates = min(k + _SPARE, n - 1)
    near = NearRows(points, k, memory_budget)
    offset = -points.offset.to(u.dtype)
    for block in row_blocks(n, 2 * n * u.element_size(), memory_budget):
        nearness = product(u[block], u.T, offset)
        nearness[:, block].fill_diagonal_(-torch.inf)
        near.add(block, *nearness.topk(n_candidates, dim=1))
    return near.sets()
