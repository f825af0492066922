"""The measures and the pairing that a comparison has unless others are asked for."""

from torchmetrics import Metric

from saesim_pl.comparison.pairing import CosinePairing, Pairing
from saesim_pl.functional.pairing.matching import MatchingMethod
from saesim_pl.metrics import (
    MCC,
    SVCCA,
    FractionRecovered,
    FractionShared,
    JaccardSimilarity,
    LinearCKA,
    MatchedCosineSimilarity,
    MeanMaxCosineSimilarity,
    ProcrustesDistance,
    RepresentationalSimilarity,
    SingularValueDistance,
    Uniqueness,
)


def default_metrics(k: int = 10, threshold: float = 0.7, recovered: float = 0.9) -> dict[str, Metric]:
    """Metrics by name: of single directions, of neighbors, of subspaces, of geometry, of spectra.

    Args:
        k: Neighbors compared by the Jaccard index.
        threshold: Cosine from which a pair counts as shared.
        recovered: Cosine above which a feature counts as found.
    """
    return relational_metrics(k) | {
        "mean_max_cosine_similarity": MeanMaxCosineSimilarity(),
        "matched_cosine_similarity": MatchedCosineSimilarity(),
        "mcc": MCC(),
        "uniqueness": Uniqueness(),
        "fraction_recovered": FractionRecovered(threshold=recovered),
        "fraction_shared": FractionShared(threshold=threshold),
    }


def relational_metrics(k: int = 10) -> dict[str, Metric]:
    """Metrics of the relations among features, which need no common space."""
    return {
        "jaccard_similarity": JaccardSimilarity(k=k),
        "svcca": SVCCA(),
        "representational_similarity": RepresentationalSimilarity(dissimilarity="cosine"),
        "linear_cka": LinearCKA(estimator="debiased"),
        "procrustes_distance": ProcrustesDistance(),
        "singular_value_distance": SingularValueDistance(),
        "singular_value_distance_l2": SingularValueDistance(normalize="l2"),
    }


def default_pairings(method: MatchingMethod = "hungarian") -> dict[str, Pairing]:
    """One pairing by cosine, under the name of its method."""
    return {method: CosinePairing(method)}
