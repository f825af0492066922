"""Groups of features by the ground truth behind them."""

from dataclasses import replace

from jaxtyping import Bool
from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.functional import match_by_cosine
from saesim_pl.truth.true_features import TrueFeatures


def true_feature_set(
    truth: TrueFeatures, shared: Bool[Tensor, " n"], space: str, name: str = "truth"
) -> FeatureSet:
    """True features, in groups ``shared`` and ``unshared`` where both kinds exist.

    Args:
        truth: Features of one stream.
        shared: Which of them other streams have too.
        space: Name of the space.
        name: Name of the set.
    """
    features = FeatureSet(name, truth.directions, space, ids=truth.ids, source="true features")
    return replace(features, groups=_both(shared))


def grouped_by_truth(features: FeatureSet, truth: TrueFeatures, shared: Bool[Tensor, " n"]) -> FeatureSet:
    """A feature set whose groups say whether the nearest true feature of a row is shared.

    Args:
        features: Rows of an SAE.
        truth: Features of the stream that it reads.
        shared: Which of them other streams have too.
    """
    nearest = match_by_cosine(features.directions, truth.directions.to(features.directions), "argmax")
    is_shared = shared.new_zeros(len(features), device="cpu")
    is_unshared = is_shared.clone()
    of_nearest = shared.cpu()[nearest.index_b]  # a Matching lives on the CPU
    is_shared[nearest.index_a], is_unshared[nearest.index_a] = of_nearest, ~of_nearest
    groups = {"shared": is_shared, "unshared": is_unshared}
    if not all(mask.any() for mask in groups.values()):
        return features
    device = features.directions.device
    return replace(features, groups={group: mask.to(device) for group, mask in groups.items()})


def _both(shared: Bool[Tensor, " n"]) -> dict[str, Bool[Tensor, " n"]]:
    return {"shared": shared, "unshared": ~shared} if shared.any() and not shared.all() else {}
