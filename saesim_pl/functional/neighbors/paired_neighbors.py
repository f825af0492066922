"""Neighbor sets of both sides of a comparison, with the checks that all such comparisons share."""

import math
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import Blind, Options
from saesim_pl.functional.ground.inputs import check_paired, same_precision
from saesim_pl.functional.ground.similarity_warning import warn_few_pairs
from saesim_pl.functional.halves import Halves
from saesim_pl.functional.neighbors.nearest_neighbours import check_neighbors, sets_of_points
from saesim_pl.functional.neighbors.neighbor_sets import NeighborSets
from saesim_pl.functional.neighbors.points import Nearness, points_of
from saesim_pl.functional.neighbors.repeated_rows import warn_repeated_rows

MAX_CHANCE = 0.25
"""A ``k`` that makes unrelated rows share more than this tells little: take a smaller one."""

BLIND_NEIGHBOURS = (
    Blind("orthogonal column_permutation isotropic_scale"),
    Blind("translation", when=lambda options, side: options["metric"] == "euclidean"),
)
"""Transformations that leave measures of neighbors unchanged."""


def paired_neighbors(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int,
    metric: Nearness = "cosine",
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> tuple[NeighborSets, NeighborSets]:
    """Neighbors on both sides; warns of fewer than 10 pairs, of repeated rows and of zero rows.

    Raises:
        ValueError: Rows are not paired, ``k`` does not lie in [1, n - 1], the metric is unknown, or the
            Jaccard similarity of unrelated rows, ``k / (2 (n - 1) - k)``, exceeds ``max_chance``.
    """
    check_paired(a, b)
    _check_k(len(a), k, metric, max_chance)
    warn_few_pairs(len(a))
    sides = []
    for name, x in (("a", a), ("b", b)):
        points = points_of(x, metric)
        sets = sets_of_points(points, k, memory_budget)
        warn_repeated_rows(name, points, sets.index[:, 0], metric == "euclidean", memory_budget)
        sides.append(sets)
    return sides[0], sides[1]


def mean_score(scores: Float[Tensor, " n"], *sides: Tensor) -> Float[Tensor, ""]:
    """Mean score of the rows, in the precision of the sides, float32 at least."""
    return scores.mean().to(same_precision(*sides)[0].dtype)


def scores_of_rows(
    scores: Callable[[NeighborSets, NeighborSets], Float[Tensor, " n"]],
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int = 10,
    metric: Nearness = "cosine",
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, " n"]:
    """``scores`` of each row from the neighbors of both sides; see :func:`paired_neighbors`."""
    return scores(*paired_neighbors(a, b, k, metric, max_chance, memory_budget))


def fewest_rows(options: Options) -> int:
    """Fewest rows for which ``k`` neighbors keep chance within ``max_chance``.

    Raises:
        ValueError: No number of rows is enough.
    """
    k, max_chance = options["k"], options["max_chance"]
    if not max_chance > 0:
        raise ValueError(f"max_chance must be positive, got {max_chance}")
    n = max(k + 1, math.floor(k * (1 + 1 / max_chance) / 2))
    while _chance(n, k) > max_chance:
        n += 1
    return n


def _chance(n: int, k: int) -> float:
    """Jaccard similarity of the neighbors of unrelated rows."""
    return k / (2 * (n - 1) - k)


def _check_k(n: int, k: int, metric: str, max_chance: float) -> None:
    check_neighbors(n, k, metric)
    chance = _chance(n, k)
    if chance > max_chance:
        raise ValueError(
            f"k={k} with n={n} rows gives unrelated rows a Jaccard similarity of {chance:.2f}, more than "
            f"max_chance={max_chance}: choose a smaller k"
        )


def neighbor_halves(
    scores: Callable[[NeighborSets, NeighborSets], Float[Tensor, " n"]],
    k: int = 10,
    metric: Nearness = "cosine",
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Halves:
    """A measure of neighbor sets in its two halves: the search of each side, and the mean of ``scores``.

    Args:
        scores: Score of each row, from the neighbors of both sides.
        k: Neighbors of each row.
        metric: Measure of nearness, ``cosine`` or ``euclidean``.
        max_chance: Highest Jaccard similarity of unrelated rows to accept.
        memory_budget: Bytes for temporaries.
    """

    def prepare(rows: Tensor) -> NeighborSets:
        _check_k(len(rows), k, metric, max_chance)
        return sets_of_points(points_of(rows, metric), k, memory_budget)

    return Halves(prepare, lambda a, b: scores(a, b).mean(), NeighborSets.permuted)
