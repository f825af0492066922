"""Jaccard similarity and rank similarity of nearest neighbors, multiplied."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import declared
from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_of_neighbors
from saesim_pl.functional.neighbors.neighbor_sets import NeighborSets
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
from saesim_pl.functional.neighbors.rank_similarity import rank_similarity_of_neighbors


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    min_rows=fewest_rows,
    blind=BLIND_NEIGHBOURS,
    shown=({}, {"metric": "euclidean"}),
    halves=lambda n_rows, **options: neighbor_halves(joint_rank_jaccard_of_neighbors, **options),
    per_feature=lambda a, b, **options: scores_of_rows(joint_rank_jaccard_of_neighbors, a, b, **options),
)
def joint_rank_jaccard(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int = 10,
    metric: Nearness = "cosine",
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Mean over rows of the row's Jaccard similarity times its rank similarity.

    Symmetric. Unchanged by rotating or scaling either side and by permuting the rows of both together; with
    ``metric="cosine"`` also by the scale of each row, with ``"euclidean"`` by translation.
    For independent sides the expected value is :func:`~saesim_pl.functional.expected_joint_rank_jaccard`.
    Wang et al. (2020). Equally near rows take a random order, independently on the two sides, as in the two
    similarities. So a side with ties does not score 1 with itself, and a row equally near to all others
    scores at chance level.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; their width may differ.
        k: Neighbors of each row.
        metric: Measure of nearness, ``cosine`` or ``euclidean``.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.

    Returns:
        Score in [0, 1]; 1 when every row has the same neighbors in the same order.

    Raises:
        ValueError: Rows are not paired, ``k`` does not lie in [1, n - 1], or chance exceeds ``max_chance``.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import joint_rank_jaccard
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(joint_rank_jaccard(a, b, k=3).item(), 3)
        0.136
    """
    found = paired_neighbors(a, b, k, metric, max_chance, memory_budget)
    return mean_score(joint_rank_jaccard_of_neighbors(*found), a, b)


def joint_rank_jaccard_of_neighbors(
    neighbours_a: NeighborSets, neighbours_b: NeighborSets
) -> Float[Tensor, " n"]:
    """Product of both similarities for each row."""
    jaccard = jaccard_of_neighbors(neighbours_a, neighbours_b)
    return jaccard * rank_similarity_of_neighbors(neighbours_a, neighbours_b)
