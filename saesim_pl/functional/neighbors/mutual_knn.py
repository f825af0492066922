"""Mutual nearest neighbors."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import declared
from saesim_pl.functional.neighbors.neighbor_sets import NeighborSets, expected_overlap
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
    halves=lambda n_rows, **options: neighbor_halves(mutual_share_of_neighbors, **options),
    per_feature=lambda a, b, **options: scores_of_rows(mutual_share_of_neighbors, a, b, **options),
)
def mutual_knn(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int = 10,
    metric: Nearness = "cosine",
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Mean over rows of ``|A & B| / k``, the ``k`` nearest other rows of row i in ``a`` and in ``b``.

    Symmetric. Unchanged by rotating or scaling either side and by permuting the rows of both together; with
    ``metric="cosine"`` also by the scale of each row, with ``"euclidean"`` by translation.
    For independent sides the expected value is exactly ``k / (n - 1)``. Huh et al. (2024), who normalize
    rows first, as ``cosine`` does. Equally near rows take a random order, independently on the two sides,
    and the score is the expected share. So a side with ties does not score 1 with itself, and a row equally
    near to all others scores at chance level.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; their width may differ.
        k: Neighbors of each row.
        metric: Measure of nearness, ``cosine`` or ``euclidean``.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.

    Returns:
        Share in [0, 1]; 1 when every row has the same neighbors on both sides.

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
    found = paired_neighbors(a, b, k, metric, max_chance, memory_budget)
    return mean_score(mutual_share_of_neighbors(*found), a, b)


def mutual_share_of_neighbors(neighbours_a: NeighborSets, neighbours_b: NeighborSets) -> Float[Tensor, " n"]:
    """Share of each row's ``k`` neighbors that the two sets have in common."""
    return expected_overlap(neighbours_a, neighbours_b) / neighbours_a.index.shape[1]
