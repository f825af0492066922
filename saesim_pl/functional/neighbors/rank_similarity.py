"""Rank similarity of nearest neighbours."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import declared
from saesim_pl.functional.neighbors.nearest_neighbours import NeighbourMetric
from saesim_pl.functional.neighbors.paired_neighbours import (
    BLIND_NEIGHBOURS,
    MAX_CHANCE,
    fewest_rows,
    neighbour_halves,
    paired_neighbours,
    scores_of_rows,
)


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    min_rows=fewest_rows,
    blind=BLIND_NEIGHBOURS,
    shown=({}, {"metric": "euclidean"}),
    halves=lambda n_rows, **options: neighbour_halves(rank_similarity_of_neighbours, **options),
    per_feature=lambda a, b, **options: scores_of_rows(rank_similarity_of_neighbours, a, b, **options),
)
def rank_similarity(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int = 10,
    metric: NeighbourMetric = "cosine",
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """How well the ranks of common nearest neighbours agree, near ranks counting most; mean over rows.

    Symmetric. Unchanged by rotating or scaling either side and by permuting the rows of both alike; with
    ``metric="cosine"`` also by the scale of each row, with ``"euclidean"`` by translation.
    Of the neighbours that row i has on both sides, of ranks r and r' (from 1), the sum of
    ``2 / ((1 + |r - r'|) (r + r'))`` is divided by ``1 + 1/2 + ... + 1/m``, m their number; no common
    neighbour gives 0. Under independence :func:`~saesim_pl.functional.expected_rank_similarity`.
    Wang et al. (2020).

    Args:
        a: Rows, paired with those of ``b``.
        b: Rows; their width may differ.
        k: Neighbours of each row.
        metric: What near means.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.

    Returns:
        Score in [0, 1]; 1 when common neighbours are the nearest ones, in the same order.

    Raises:
        ValueError: Rows are not paired, ``k`` does not lie in [1, n - 1], or chance exceeds ``max_chance``.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import rank_similarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(rank_similarity(a, b, k=3).item(), 3)
        0.379
    """
    found = paired_neighbours(a, b, k, metric, max_chance, memory_budget)
    scores = rank_similarity_of_neighbours(found.neighbours_a, found.neighbours_b)
    return scores.mean().to(found.points_a.dtype)


def rank_similarity_of_neighbours(
    neighbours_a: Int64[Tensor, "n k"], neighbours_b: Int64[Tensor, "n k"]
) -> Float[Tensor, " n"]:
    """Rank similarity of each row."""
    k = neighbours_a.shape[1]
    weights = rank_weights(k).to(neighbours_a.device)
    total, shared = (torch.zeros(len(neighbours_a), dtype=torch.float64, device=weights.device) for _ in "ab")
    for rank, column in enumerate(neighbours_b.split(1, dim=1)):
        equal = (neighbours_a == column).double()
        total += equal @ weights[:, rank]
        shared += equal.sum(dim=1)
    harmonic = (1 / torch.arange(1, k + 1, dtype=torch.float64, device=weights.device)).cumsum(dim=0)
    return total / harmonic[(shared.long() - 1).clamp(min=0)]


def rank_weights(k: int) -> Float[Tensor, "k k"]:
    """``2 / ((1 + |r - r'|) (r + r'))`` for ranks from 1 to ``k``."""
    rank = torch.arange(1, k + 1, dtype=torch.float64)
    return 2 / ((1 + (rank[:, None] - rank).abs()) * (rank[:, None] + rank))
