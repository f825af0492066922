"""Mutual nearest neighbours."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import declared
from saesim_pl.functional.neighbors.neighbour_sets import NeighbourSets, expected_overlap
from saesim_pl.functional.neighbors.paired_neighbours import (
    BLIND_NEIGHBOURS,
    MAX_CHANCE,
    fewest_rows,
    mean_score,
    neighbour_halves,
    paired_neighbours,
    scores_of_rows,
)
from saesim_pl.functional.neighbors.points import NeighbourMetric


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    min_rows=fewest_rows,
    blind=BLIND_NEIGHBOURS,
    shown=({}, {"metric": "euclidean"}),
    halves=lambda n_rows, **options: neighbour_halves(mutual_share_of_neighbours, **options),
    per_feature=lambda a, b, **options: scores_of_rows(mutual_share_of_neighbours, a, b, **options),
)
def mutual_knn(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int = 10,
    metric: NeighbourMetric = "cosine",
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Mean over rows of ``|A & B| / k``, the ``k`` nearest other rows of row i in ``a`` and in ``b``.

    Symmetric. Unchanged by rotating or scaling either side and by permuting the rows of both alike; with
    ``metric="cosine"`` also by the scale of each row, with ``"euclidean"`` by translation.
    Under independence exactly ``k / (n - 1)``. Huh et al. (2024), who normalise rows first as cosine does.
    Equally near rows take their places in any order, independently on the two sides:
    the share is the expected one.
    So a side with ties does not score 1 with itself, and a row as near to all others scores as chance does.

    Args:
        a: Rows, paired with those of ``b``.
        b: Rows; their width may differ.
        k: Neighbours of each row.
        metric: What near means.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.

    Returns:
        Share in [0, 1]; 1 when every row has the same neighbours on both sides.

    Raises:
        ValueError: Rows are not paired, ``k`` does not lie in [1, n - 1], or chance exceeds ``max_chance``.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import mutual_knn
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(mutual_knn(a, b, k=3).item(), 3)
        0.333
    """
    found = paired_neighbours(a, b, k, metric, max_chance, memory_budget)
    return mean_score(mutual_share_of_neighbours(*found), a, b)


def mutual_share_of_neighbours(
    neighbours_a: NeighbourSets, neighbours_b: NeighbourSets
) -> Float[Tensor, " n"]:
    """How much of each row's ``k`` neighbours the two sets have in common."""
    return expected_overlap(neighbours_a, neighbours_b) / neighbours_a.index.shape[1]
