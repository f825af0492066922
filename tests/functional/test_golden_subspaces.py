"""Every measure of this family against the reference values, option by option."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from saesim_pl.functional import (
    SimilarityWarning,
    aligned_cosine_similarity,
    bures_similarity,
    concentricity_difference,
    correlation_match,
    distance_correlation,
    eigenspace_overlap,
    gulp_distance,
    linear_cka,
    linear_regression_r2,
    magnitude_difference,
    mean_cca,
    permutation_procrustes_distance,
    procrustes_distance,
    pwcca,
    rbf_cka,
    representational_similarity,
    rsm_norm_difference,
    singular_value_distance,
    svcca,
    uniformity_difference,
)
from saesim_pl.functional.geometry.dissimilarities import comparable_rows
from tests.functional.golden import CASES, MEASURES, golden_inputs

Measure = Callable[..., Tensor]


def _rsa(dissimilarity: str, comparison: str) -> tuple[Measure, dict[str, Any]]:
    return representational_similarity, {"dissimilarity": dissimilarity, "comparison": comparison}


def _procrustes(form: str, center: bool) -> tuple[Measure, dict[str, Any]]:
    return procrustes_distance, {"form": form, "center": center}


def _permutation(form: str, center: bool) -> tuple[Measure, dict[str, Any]]:
    return permutation_procrustes_distance, {"form": form, "center": center}


def _squared_bures_distance(a: Tensor, b: Tensor) -> Tensor:
    return procrustes_distance(a / a.shape[1] ** 0.5, b / b.shape[1] ** 0.5, form="distance").square()


def _cka_of_standardized_rows(a: Tensor, b: Tensor) -> Tensor:
    """A whitened comparison of correlation distances is a CKA of the rows that give them."""
    return linear_cka(comparable_rows(a, "correlation"), comparable_rows(b, "correlation"))


OURS: dict[str, tuple[Measure, dict[str, Any]]] = {
    **{f"rsa_{d}_{c}": _rsa(d, c)
       for d in ("correlation", "euclidean") for c in ("spearman", "pearson", "l2")},
    **{f"rsa_cosine_{c}": _rsa("cosine", c) for c in ("spearman", "pearson")},
    **{
        f"rsatoolbox_{theirs}_{compare}": _rsa(ours, comparison)
        for theirs, ours in (("correlation", "correlation"), ("euclidean", "squared_euclidean"))
        for compare, comparison in (
            ("spearman", "spearman"), ("corr", "pearson"), ("cosine", "cosine"), ("rho_a", "rho_a")
        )
    },
    "rsatoolbox_euclidean_cosine_cov": (linear_cka, {}),
    "rsatoolbox_correlation_cosine_cov": (_cka_of_standardized_rows, {}),
    "rsatoolbox_euclidean_bures": (bures_similarity, {}),
    "rsatoolbox_euclidean_bures_metric": (_squared_bures_distance, {}),
    "rsm_norm_difference": (rsm_norm_difference, {}),
    "distance_correlation": (distance_correlation, {}),
    "cca_mean": (mean_cca, {}),
    "cca_mean_trimmed_098": (mean_cca, {"statistic": "trimmed"}),
    "cca_mean_squared": (mean_cca, {"statistic": "squared"}),
    "svcca_099": (svcca, {}),
    "svcca_090": (svcca, {"variance_share": 0.9}),
    "svcca_dim3": (svcca, {"n_components": 3}),
    "pwcca_x": (pwcca, {}),
    "pwcca_y": (pwcca, {"weights_from": "b"}),
    "cka_linear": (linear_cka, {}),
    "cka_linear_debiased": (linear_cka, {"estimator": "debiased"}),
    "cka_linear_angle": (linear_cka, {"form": "angle"}),
    "cka_rbf_0.5": (rbf_cka, {"bandwidth": 0.5}),
    "cka_rbf_1.0": (rbf_cka, {}),
    "procrustes_raw": _procrustes("distance", False),
    "procrustes_centered": _procrustes("distance", True),
    "procrustes_centered_normalized": _procrustes("normalized", True),
    "procrustes_angle_uncentered": _procrustes("angular", False),
    "procrustes_angle_centered": _procrustes("angular", True),
    "procrustes_disparity": _procrustes("disparity", True),
    "torchmetrics_procrustes_disparity": _procrustes("disparity", True),
    "netrep_linear_alpha1_angular": _procrustes("angular", True),
    "netrep_linear_alpha1_euclidean": _procrustes("distance", True),
    "netrep_linear_alpha05_angular": (procrustes_distance, {"form": "angular", "alpha": 0.5}),
    "netrep_linear_alpha0_angular": (procrustes_distance, {"form": "angular", "alpha": 0.0}),
    "permutation_procrustes": _permutation("distance", False),
    "permutation_angle_uncentered": _permutation("angular", False),
    "netrep_permutation_angular": _permutation("angular", True),
    "netrep_permutation_euclidean": _permutation("distance", True),
    "aligned_cosine": (aligned_cosine_similarity, {}),
    "permutation_aligned_cosine": (aligned_cosine_similarity, {"alignment": "permutation"}),
    "hard_correlation_match": (correlation_match, {}),
    "soft_correlation_match": (correlation_match, {"assignment": "soft"}),
    "max_correlation_x_to_y": (correlation_match, {"assignment": "a_to_b"}),
    "max_correlation_y_to_x": (correlation_match, {"assignment": "b_to_a"}),
    "linear_regression_x_to_y": (linear_regression_r2, {}),
    "linear_regression_y_to_x": (linear_regression_r2, {"direction": "b_to_a"}),
    "eigenspace_overlap": (eigenspace_overlap, {}),
    "gulp_lambda0": (gulp_distance, {}),
    "gulp_lambda0.1": (gulp_distance, {"regularization": 0.1}),
    **{
        f"singular_value_l2_{normalize}_{length}":
            (singular_value_distance, {"normalize": normalize, "length": length})
        for normalize in ("none", "sum", "l2") for length in ("pad", "truncate")
    },
    "magnitude_difference": (magnitude_difference, {}),
    "uniformity_difference": (uniformity_difference, {}),
    "concentricity_difference": (concentricity_difference, {}),
}  # fmt: skip

# Absolute error that float32 inputs may cause: a root of a difference of equal numbers, or an angle
# near 0, has half the digits of its inputs.
FLOAT32_ATOL = {"lower": 2e-3, "higher": 1e-5}


@pytest.fixture(autouse=True)
def _tiny_cases_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=SimilarityWarning)
        yield


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", OURS)
def test_value_in_float64(name: str, case: str) -> None:
    expected = CASES[case]["values"][name]
    if expected is None:
        pytest.skip(CASES[case]["skipped"][name])
    measure, options = OURS[name]
    x, y = golden_inputs(case)
    value = measure(x, y, **options)
    assert value.dtype == torch.float64
    spec = MEASURES[name]
    assert value.item() == pytest.approx(expected, rel=spec["rtol"], abs=spec["atol"])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", OURS)
def test_value_in_float32(name: str, case: str) -> None:
    expected = CASES[case]["values"][name]
    if expected is None:
        pytest.skip(CASES[case]["skipped"][name])
    measure, options = OURS[name]
    x, y = golden_inputs(case)
    value = measure(x.float(), y.float(), **options)
    assert value.item() == pytest.approx(expected, rel=1e-4, abs=FLOAT32_ATOL[MEASURES[name]["better"]])
