"""Rows of a dictionary by the true features they come closest to."""

from jaxtyping import Bool, Float, Int
from torch import Tensor

from saesim_pl.functional import match_by_cosine
from saesim_pl.truth.true_features import TrueFeatures


def rows_by_subset(
    dictionary: Float[Tensor, "d_sae d_in"], truth: TrueFeatures, shared: Bool[Tensor, " n_features"]
) -> dict[str, Int[Tensor, " n"]]:
    """Indices of the rows whose nearest true feature is ``shared``, and of those whose is not."""
    nearest = match_by_cosine(dictionary, truth.directions.to(dictionary), method="argmax")
    is_shared = shared.cpu()[nearest.index_b]  # a Matching lives on the CPU
    subsets = {"shared": nearest.index_a[is_shared], "unshared": nearest.index_a[~is_shared]}
    return {name: rows for name, rows in subsets.items() if len(rows)}
