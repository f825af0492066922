"""Every metric of paired rows with its function and options, and rows to feed them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from saesim_pl import functional, metrics

Measure = Callable[..., Tensor]
Options = dict[str, Any]
Case = tuple[type[Metric], Measure, Options]

CASES: list[Case] = [
    (metrics.MeanCCA, functional.mean_cca, {}),
    (metrics.MeanCCA, functional.mean_cca, {"statistic": "trimmed"}),
    (metrics.SVCCA, functional.svcca, {}),
    (metrics.SVCCA, functional.svcca, {"n_components": 3}),
    (metrics.PWCCA, functional.pwcca, {"weights_from": "b"}),
    (metrics.LinearCKA, functional.linear_cka, {}),
    (metrics.LinearCKA, functional.linear_cka, {"estimator": "debiased"}),
    (metrics.LinearCKA, functional.linear_cka, {"form": "angle"}),
    (metrics.RBFCKA, functional.rbf_cka, {"bandwidth": 0.5}),
    (metrics.ProcrustesDistance, functional.procrustes_distance, {}),
    (metrics.ProcrustesDistance, functional.procrustes_distance, {"form": "distance", "center": False}),
    (metrics.ProcrustesDistance, functional.procrustes_distance, {"form": "angular", "alpha": 0.5}),
    (metrics.BuresSimilarity, functional.bures_similarity, {}),
    (metrics.PermutationProcrustesDistance, functional.permutation_procrustes_distance, {"form": "angular"}),
    (metrics.AlignedCosineSimilarity, functional.aligned_cosine_similarity, {"alignment": "permutation"}),
    (metrics.CorrelationMatch, functional.correlation_match, {}),
    (metrics.CorrelationMatch, functional.correlation_match, {"assignment": "soft"}),
    (metrics.LinearRegressionR2, functional.linear_regression_r2, {"direction": "b_to_a"}),
    (metrics.EigenspaceOverlap, functional.eigenspace_overlap, {}),
    (metrics.GulpDistance, functional.gulp_distance, {"regularization": 0.1}),
    (metrics.SingularValueDistance, functional.singular_value_distance, {"normalize": "l2"}),
    (metrics.DistanceCorrelation, functional.distance_correlation, {}),
    (metrics.RSMNormDifference, functional.rsm_norm_difference, {}),
    (metrics.MagnitudeDifference, functional.magnitude_difference, {}),
    (metrics.UniformityDifference, functional.uniformity_difference, {}),
    (metrics.ConcentricityDifference, functional.concentricity_difference, {}),
    (metrics.JaccardSimilarity, functional.jaccard_similarity, {}),
    (metrics.JaccardSimilarity, functional.jaccard_similarity, {"metric": "euclidean"}),
    (metrics.MutualKnn, functional.mutual_knn, {}),
    (metrics.RankSimilarity, functional.rank_similarity, {}),
    (metrics.JointRankJaccard, functional.joint_rank_jaccard, {}),
    (metrics.SecondOrderCosineSimilarity, functional.second_order_cosine_similarity, {}),
    *(
        (
            metrics.RepresentationalSimilarity,
            functional.representational_similarity,
            {"dissimilarity": dissimilarity, "comparison": comparison},
        )
        for dissimilarity in ("correlation", "cosine", "squared_euclidean", "euclidean")
        for comparison in ("pearson", "cosine", "spearman", "l2")
    ),
]
every_metric = pytest.mark.parametrize(
    ("cls", "function", "options"), CASES, ids=lambda value: getattr(value, "__name__", str(value))
)
N_ROWS = 90


def paired_rows(dtype: torch.dtype = torch.float64, offset: float = 0.5) -> tuple[Tensor, Tensor]:
    """Related rows of two widths, far from the origin when asked, with a dead column each."""
    g = torch.Generator().manual_seed(7)
    a = torch.randn(N_ROWS, 8, generator=g, dtype=torch.float64)
    b = a @ torch.randn(8, 6, generator=g, dtype=torch.float64)
    b = b + torch.randn(N_ROWS, 6, generator=g, dtype=torch.float64)
    a, b = a + offset * torch.randn(8, generator=g, dtype=torch.float64), b - offset
    a[:, 3], b[:, 0] = 0, 0.1
    return a.to(dtype), b.to(dtype)


def updated(metric: Metric, a: Tensor, b: Tensor, sizes: tuple[int, ...] = (1, 40, 3, 46)) -> Metric:
    for block_a, block_b in zip(a.split(list(sizes)), b.split(list(sizes)), strict=True):
        metric.update(block_a, block_b)
    return metric
