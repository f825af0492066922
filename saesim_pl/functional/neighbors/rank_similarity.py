"""Rank similarity of nearest neighbors."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import declared
from saesim_pl.functional.neighbors.neighbor_sets import NeighborSets, with_expected
from saesim_pl.functional.neighbors.paired_neighbors import (
    BLIND_NEIGHBOURS,
    MAX_CHANCE,
    fewest_rows,
    mean_score,
    neighbor_halves,
    paired_neighbors,
    scores_of_rows,
)
from saesim_pl.functional.neighbors.points import Nearness


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    min_rows=fewest_rows,
    blind=BLIND_NEIGHBOURS,
    shown=({}, {"metric": "euclidean"}),
    halves=lambda n_rows, **options: neighbor_halves(rank_similarity_of_neighbors, **options),
    per_feature=lambda a, b, **options: scores_of_rows(rank_similarity_of_neighbors, a, b, **options),
)
def rank_similarity(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int = 10,
    metric: Nearness = "cosine",
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Agreement of the ranks of common nearest neighbors, the nearest weighted most; mean over rows.

    Symmetric. Unchanged by rotating or scaling either side and by permuting the rows of both together; with
    ``metric="cosine"`` also by the scale of each row, with ``"euclidean"`` by translation.
    For each row, ``2 / ((1 + |r - r'|) (r + r'))`` is summed over the ``m`` neighbors that it has on both
    sides, with ranks r and r' (from 1), and divided by ``1 + 1/2 + ... + 1/m``; no common neighbor gives
    0. For independent sides the expected value is :func:`~saesim_pl.functional.expected_rank_similarity`.
    Wang et al. (2020). Equally near rows take a random order, independently on the two sides, and the sum and
    ``m`` are expected values. So a side with ties does not score 1 with itself, and a row equally near to
    all others scores at chance level.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; their width may differ.
        k: Neighbors of each row.
        metric: Measure of nearness, ``cosine`` or ``euclidean``.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.

    Returns:
        Score in [0, 1]; 1 when common neighbors are the nearest ones, in the same order.

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
    found = paired_neighbors(a, b, k, metric, max_chance, memory_budget)
    return mean_score(rank_similarity_of_neighbors(*found), a, b)


def rank_similarity_of_neighbors(
    neighbours_a: NeighborSets, neighbours_b: NeighborSets
) -> Float[Tensor, " n"]:
    """Rank similarity of each row; for tied rows, expected total over the sum for the expected number."""
    total, shared = _total_and_shared(neighbours_a.index, neighbours_b.index)
    weights = rank_weights(neighbours_a.index.shape[1])
    total = with_expected(total, neighbours_a, neighbours_b, weights)
    shared = with_expected(shared, neighbours_a, neighbours_b, torch.ones_like(weights))
    # 1 + 1/2 + ... + 1/m, which this continues to the m between whole numbers.
    harmonic = torch.digamma(shared + 1) - torch.digamma(torch.ones_like(shared))
    return total / harmonic.clamp(min=1)


def _total_and_shared(a: Int64[Tensor, "n k"], b: Int64[Tensor, "n k"]) -> tuple[Tensor, Tensor]:
    """Weights of each row's common neighbors, and their number."""
    weights = rank_weights(a.shape[1]).to(a.device)
    total, shared = (torch.zeros(len(a), dtype=torch.float64, device=a.device) for _ in "ab")
    for rank, column in enumerate(b.split(1, dim=1)):
        equal = (a == column).double()
        total += equal @ weights[:, rank]
        shared += equal.sum(dim=1)
    return total, shared


def rank_weights(k: int) -> Float[Tensor, "k k"]:
    """``2 / ((1 + |r - r'|) (r + r'))`` for ranks from 1 to ``k``."""
    rank = torch.arange(1, k + 1, dtype=torch.float64)
    return 2 / ((1 + (rank[:, None] - rank).abs()) * (rank[:, None] + rank))
