"""Every golden value of the matching and nearest-neighbour measures."""

from collections.abc import Callable
from functools import partial

import pytest
from torch import Tensor

from saesim_pl.functional import (
    activation_correlation,
    jaccard_similarity,
    joint_rank_jaccard,
    match_by_correlation,
    matched_cosine_similarity,
    mean_max_cosine_similarity,
    mutual_knn,
    rank_similarity,
    second_order_cosine_similarity,
)
from saesim_pl.functional.pairing.matching import MatchingMethod
from tests.functional.golden import CASES, golden_inputs, golden_values, within_tolerance


def paired_correlation(x: Tensor, y: Tensor, method: MatchingMethod) -> Tensor:
    return match_by_correlation(activation_correlation(x, y), method).score


def min_width(x: Tensor, y: Tensor) -> int:
    return min(x.shape[1], y.shape[1])


MEASURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "jaccard_knn_k10_euclidean": partial(jaccard_similarity, metric="euclidean"),
    "joint_rank_jaccard_k10": joint_rank_jaccard,
    "hard_correlation_match": lambda x, y: paired_correlation(x, y, "hungarian").sum() / min_width(x, y),
    "max_correlation_x_to_y": lambda x, y: paired_correlation(x, y, "argmax").sum() / x.shape[1],
    "max_correlation_y_to_x": lambda x, y: paired_correlation(y, x, "argmax").sum() / y.shape[1],
    "mmcs_rows_x_to_y": mean_max_cosine_similarity,
    "mmcs_rows_y_to_x": lambda x, y: mean_max_cosine_similarity(y, x),
    "mmcs_columns_x_to_y": lambda x, y: mean_max_cosine_similarity(x.T, y.T),
    "mmcs_columns_y_to_x": lambda x, y: mean_max_cosine_similarity(y.T, x.T),
    "matched_cosine_rows": matched_cosine_similarity,
    "matched_cosine_columns": lambda x, y: matched_cosine_similarity(x.T, y.T),
}
for _k in (1, 5, 10):
    MEASURES |= {
        f"jaccard_knn_k{_k}": partial(jaccard_similarity, k=_k, max_chance=1),
        f"mutual_knn_k{_k}": partial(mutual_knn, k=_k, max_chance=1),
        f"rank_similarity_k{_k}": partial(rank_similarity, k=_k, max_chance=1),
        f"second_order_cosine_k{_k}": lambda x, y, k=_k: second_order_cosine_similarity(
            x, y, k, max_chance=1
        ),
    }
EVERY = [(measure, case, value) for measure in MEASURES for case, value in golden_values(measure)]

pytestmark = pytest.mark.filterwarnings("ignore:a score on 8 pairs")


@pytest.mark.parametrize(("measure", "case", "expected"), EVERY)
def test_golden_value_in_float64(measure: str, case: str, expected: float) -> None:
    assert within_tolerance(measure, MEASURES[measure](*golden_inputs(case)), expected)


@pytest.mark.parametrize(("measure", "case", "expected"), EVERY)
def test_golden_value_in_float32(measure: str, case: str, expected: float) -> None:
    if "_k" in measure and CASES[case]["knn_gap"] < 1e-6:
        pytest.skip("two neighbours are nearer to each other than float32 can tell")
    a, b = (x.float() for x in golden_inputs(case))
    assert MEASURES[measure](a, b).item() == pytest.approx(expected, abs=1e-4)
