"""Which measures come in two halves."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from saesim_pl.functional.geometry.distance_correlation import (
    distance_correlation,
    distance_correlation_split,
)
from saesim_pl.functional.geometry.representational_similarity import MAX_PAIRS, representational_similarity
from saesim_pl.functional.geometry.representational_similarity_split import representational_similarity_split
from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_of_neighbours, jaccard_similarity
from saesim_pl.functional.neighbors.joint_rank_jaccard import (
    joint_rank_jaccard,
    joint_rank_jaccard_of_neighbours,
)
from saesim_pl.functional.neighbors.mutual_knn import mutual_knn, mutual_share_of_neighbours
from saesim_pl.functional.neighbors.paired_neighbours import neighbour_split
from saesim_pl.functional.neighbors.rank_similarity import rank_similarity, rank_similarity_of_neighbours
from saesim_pl.functional.split import Split
from saesim_pl.functional.subspaces.linear_cka import linear_cka, linear_cka_split
from saesim_pl.functional.subspaces.mean_cca import mean_cca, mean_cca_split
from saesim_pl.functional.subspaces.rbf_cka import rbf_cka, rbf_cka_split
from saesim_pl.functional.subspaces.svcca import svcca, svcca_split

SPLITS: Mapping[Callable[..., Tensor], Callable[..., Split]] = {
    distance_correlation: distance_correlation_split,
    jaccard_similarity: partial(neighbour_split, jaccard_of_neighbours),
    joint_rank_jaccard: partial(neighbour_split, joint_rank_jaccard_of_neighbours),
    linear_cka: linear_cka_split,
    mean_cca: mean_cca_split,
    mutual_knn: partial(neighbour_split, mutual_share_of_neighbours),
    rank_similarity: partial(neighbour_split, rank_similarity_of_neighbours),
    rbf_cka: rbf_cka_split,
    representational_similarity: representational_similarity_split,
    svcca: svcca_split,
}


def split_of(measure: Callable[..., Tensor], n_rows: int, options: Mapping[str, Any]) -> Split | None:
    """The measure in two halves, or None where it has none for these options or so many rows."""
    # RSA's halves are n x n; the function itself samples pairs of more rows than this.
    if measure is representational_similarity and n_rows * (n_rows - 1) // 2 > MAX_PAIRS:
        return None
    factory = SPLITS.get(measure)
    if factory is None or not options.keys() <= inspect.signature(factory).parameters.keys():
        return None
    return factory(**options)
