"""What chance gives: p-values are calibrated, planted structure is found, and shortcuts change nothing."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, kstest
from torch import Tensor

from saesim_pl import functional as f
from saesim_pl.functional import Comparison, gaussian_null, permutation_null, subset_null
from saesim_pl.functional.ground.declaration import declaration_of
from saesim_pl.functional.invariances import Invariance, invariances
from saesim_pl.functional.nulls.comparison import compared
from saesim_pl.functional.nulls.permutation_null import random_orders
from tests.metrics.cases import CASES

Measure = Callable[..., Tensor]
every_measure = pytest.mark.parametrize("declared", invariances(), ids=lambda declared: declared.name)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _related(n: int = 40, d: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    a = _normal(n, d, seed=2 * seed)
    return a, a + _normal(n, d, seed=2 * seed + 1)


def _rotated(a: Tensor) -> Tensor:
    return a @ torch.linalg.qr(_normal(a.shape[1], a.shape[1], seed=9))[0]


@pytest.mark.parametrize(
    ("measure", "options"),
    [
        (f.linear_cka, {}),
        (f.linear_cka, {"form": "angle", "estimator": "debiased"}),
        (f.svcca, {}),
        (f.jaccard_similarity, {"k": 5}),
        (f.representational_similarity, {}),
        (f.procrustes_distance, {}),
    ],
    ids=str,
)
def test_p_values_of_unrelated_pairs_are_uniform(measure: Measure, options: dict[str, Any]) -> None:
    p_values = []
    for seed in range(200):
        a, b = _normal(30, 4, seed=2 * seed), _normal(30, 4, seed=2 * seed + 1)
        p_values.append(permutation_null(measure, a, b, 39, seed, **options).p_value)
    # A permutation p-value lies on a grid; a uniform offset within its step makes it continuous.
    spread = torch.rand(200, generator=torch.Generator().manual_seed(1)).numpy() / 40
    assert kstest([p - u for p, u in zip(p_values, spread, strict=True)], "uniform").pvalue > 0.01


PAIRED = [declared for declared in invariances() if declared.declaration.needs == "pairs"]


@pytest.mark.parametrize("declared", PAIRED, ids=lambda declared: declared.name)
def test_a_planted_copy_gives_the_least_p_value(declared: Invariance) -> None:
    a = _normal(40, 4)
    found = permutation_null(declared.measure, a, a.clone(), 49, **declared.options)
    assert found.p_value == pytest.approx(1 / 50)
    assert found.n_permutations == 49
    assert math.isfinite(found.z)
    assert (found.z > 0) is declared.declaration.higher_is_better(declared.options)


@pytest.mark.parametrize(
    ("measure", "perfect"),
    [
        (f.linear_cka, 1.0),
        (f.mean_cca, 1.0),
        (f.svcca, 1.0),
        (f.jaccard_similarity, 1.0),
        (f.procrustes_distance, 0.0),
    ],
)
def test_a_rotated_copy_is_perfect(measure: Measure, perfect: float) -> None:
    a = _normal(60, 6)
    found = permutation_null(measure, a, _rotated(a), 99)
    assert found.value == pytest.approx(perfect, abs=1e-7)
    assert found.p_value == 0.01


@pytest.mark.parametrize("measure", [f.jaccard_similarity, f.linear_cka, f.gulp_distance])
def test_seeds_reproduce_and_leave_the_global_generator_alone(measure: Measure) -> None:
    a, b = _related()
    state = torch.random.get_rng_state()
    first = permutation_null(measure, a, b, 19, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(5)
    assert permutation_null(measure, a, b, 19, seed=3) == first
    assert permutation_null(measure, a, b, 19, seed=4).null_mean != first.null_mean


@every_measure
def test_measures_that_see_no_pairing_are_refused(declared: Invariance) -> None:
    if declared in PAIRED:
        return
    with pytest.raises(ValueError, match=r"does not depend on how rows are paired.*gaussian_null"):
        permutation_null(declared.measure, *_related(d=4), 9, **declared.options)
    assert 0 < gaussian_null(declared.measure, *_related(d=4), n_draws=9, **declared.options).p_value <= 1


@pytest.mark.parametrize("declared", PAIRED, ids=lambda declared: declared.name)
def test_the_null_is_what_the_function_gives_on_permuted_rows(declared: Invariance) -> None:
    a, b = _related()
    measure, options = declared.measure, declared.options
    found = permutation_null(measure, a, b, 19, seed=7, **options)
    null = torch.stack([measure(a, b[order], **options) for order in random_orders(40, 19, 7)])
    value = measure(a, b, **options).item()
    as_good = null >= value if declared.declaration.higher_is_better(options) else null <= value
    expected = [value, null.mean().item(), null.std().item(), (int(as_good.sum()) + 1) / 20]
    got = [found.value, found.null_mean, found.null_std, found.p_value]
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert found.z == pytest.approx((value - expected[1]) / expected[2], rel=1e-7)


def test_measures_with_two_halves_use_them_unless_options_forbid() -> None:
    in_halves = {declared.measure for declared in PAIRED if declared.declaration.halves(declared.options, 40)}
    assert in_halves == {
        f.distance_correlation, f.jaccard_similarity, f.joint_rank_jaccard, f.linear_cka, f.mean_cca,
        f.mutual_knn, f.procrustes_distance, f.rank_similarity, f.rbf_cka, f.representational_similarity,
        f.svcca,
    }  # fmt: skip
    similarity = declaration_of(f.representational_similarity)
    assert similarity.halves({"max_pairs": 300}, 40) is not None
    assert similarity.halves({"max_pairs": 1000, "seed": 3}, 40) is not None
    assert similarity.halves({}, 7000) is not None


@pytest.mark.parametrize(("cls", "measure", "options"), CASES, ids=str)
def test_better_means_the_same_as_for_the_metric(
    cls: type, measure: Measure, options: dict[str, Any]
) -> None:
    assert declaration_of(measure).higher_is_better(options) is cls(**options).higher_is_better


@settings(max_examples=200, deadline=None)
@given(
    value=st.floats(-2, 2),
    null=st.lists(st.floats(-2, 2), min_size=2, max_size=30),
    better_high=st.booleans(),
)
def test_p_values_lie_above_0_and_nothing_is_nan(value: float, null: list[float], better_high: bool) -> None:
    found = compared(value, torch.tensor(null, dtype=torch.float64), better_high, torch.float64)
    assert 1 / (len(null) + 1) <= found.p_value <= 1
    assert not math.isnan(found.z)


def test_ties_count_and_a_null_without_spread_gives_no_nan() -> None:
    ones = torch.ones(9, dtype=torch.float64)
    assert compared(1 + 1e-16, ones - 1e-15, True, torch.float64).p_value == 1
    assert compared(1.0, ones, True, torch.float64).z == 0
    assert compared(1.5, ones, True, torch.float64) == Comparison(1.5, 1.0, 0.0, math.inf, 0.1, 9)
    assert compared(0.5, ones, False, torch.float64) == Comparison(0.5, 1.0, 0.0, -math.inf, 0.1, 9)


@pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")
def test_a_saturated_measure_is_not_significant() -> None:
    """30 rows in 30 columns: every pairing has canonical correlations of 1, up to rounding."""
    a, b = _normal(30, 30), _normal(30, 30, seed=1)
    for dtype in (torch.float64, torch.float32):
        assert permutation_null(f.mean_cca, a.to(dtype), b.to(dtype), 19).p_value > 0.9


def test_small_scores_in_float32_are_told_apart() -> None:
    """CKA of 300,000 rows lies near d / n, below the rounding of numbers near 1 in float32."""
    a, b = _normal(300_000, 4), _normal(300_000, 4, seed=2)
    exact = permutation_null(f.linear_cka, a, b, 9)
    rough = permutation_null(f.linear_cka, a.float(), b.float(), 9)
    assert exact.p_value == rough.p_value < 1
    assert rough.z == pytest.approx(exact.z, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("measure", "options"),
    [(f.procrustes_distance, {"form": "distance"}), (f.rsm_norm_difference, {})],
    ids=["procrustes", "rsm"],
)
def test_the_unit_of_the_data_changes_no_p_value(
    measure: Measure, options: dict[str, Any], dtype: torch.dtype
) -> None:
    a, b = (side.to(dtype) for side in _related(d=3))
    far = b[_normal(40).argsort()]
    for other in (b, far):
        expected = permutation_null(measure, a, other, 49, **options).p_value
        for unit in (1e-12, 1e-8, 1e6):
            found = permutation_null(measure, unit * a, unit * other, 49, **options)
            assert found.p_value == expected, unit
    chosen = torch.arange(12)
    expected = subset_null(measure, a, b, chosen, 49, **options).p_value
    assert subset_null(measure, 1e-12 * a, 1e-12 * b, chosen, 49, **options).p_value == expected


def test_exact_ties_in_float32_stay_ties() -> None:
    """One-hot rows of two classes: many pairings have one value, which rounding must not order."""
    a = torch.eye(2).repeat(15, 1)
    b = a[torch.randperm(30, generator=torch.Generator().manual_seed(2))]
    exact = permutation_null(f.linear_cka, a.double(), b.double(), 199)
    assert permutation_null(f.linear_cka, a, b, 199).p_value == exact.p_value
    table = [int((a[:, 0] * b[order, 0]).sum()) for order in random_orders(30, 199, 0)]
    observed = int((a[:, 0] * b[:, 0]).sum())
    as_good = sum(abs(count - 7.5) >= abs(observed - 7.5) for count in table)
    assert exact.p_value == (as_good + 1) / 200


def test_threads_are_as_before_and_make_no_difference() -> None:
    a, b = _related()
    alone = permutation_null(f.linear_cka, a, b, 19)
    torch.set_num_threads(2)
    try:
        assert permutation_null(f.linear_cka, a, b, 19) == alone
        with pytest.raises(ValueError, match="choose a smaller k"):
            permutation_null(f.jaccard_similarity, a, b, 19, k=25)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_few_draws_and_unpaired_rows_are_refused() -> None:
    a, b = _related()
    with pytest.raises(ValueError, match="n_permutations must be at least 2, got 1"):
        permutation_null(f.linear_cka, a, b, 1)
    with pytest.raises(ValueError, match="a has 40 rows, b has 39"):
        permutation_null(f.linear_cka, a, b[1:])
    with pytest.raises(ValueError, match="is no declared measure"):
        permutation_null(lambda a, b: a.sum(), a, b)


def test_false_discovery_rates_of_a_table_by_hand() -> None:
    """Benjamini and Hochberg: p_(i) m / i, made monotone from the largest down; NaN is refused."""
    p_values = [0.01, 0.04, 0.03, 0.5]
    expected = [0.01 * 4 / 1, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5]
    assert false_discovery_control(p_values).tolist() == pytest.approx(expected)
    with pytest.raises(ValueError, match="between 0 and 1"):
        false_discovery_control([0.1, math.nan])


def test_small_scores_are_told_apart() -> None:
    """Rounding is relative to the scores: linear CKA of many rows is near 1e-5, distances have any scale."""
    g = torch.Generator().manual_seed(0)
    a = torch.randn(40_000, 4, generator=g)
    b = 0.1 * a + torch.randn(40_000, 4, generator=g)
    assert f.permutation_null(f.linear_cka, a, b, 19).p_value == 0.05
    assert f.permutation_null(f.linear_cka, a, b - 0.1 * a, 19, seed=3).p_value > 0.05
    tiny = [1e-8 * side[:200] for side in (a, a + b)]
    assert f.permutation_null(f.procrustes_distance, *tiny, 19, form="distance").p_value == 0.05
    same = f.permutation_null(f.linear_cka, torch.ones(30, 2), torch.ones(30, 2), 19)
    assert (same.p_value, same.z) == (1, 0)


def test_pairs_that_the_data_have_chosen_are_refused() -> None:
    a, b = (torch.randn(20, 8, generator=torch.Generator().manual_seed(seed)) for seed in range(2))
    matching = f.match_by_cosine(a, b, "hungarian")
    for null in (permutation_null, gaussian_null):
        with pytest.raises(ValueError, match="chosen by looking at a and b"):
            null(f.matched_cosine_similarity, a, b, matching=matching)
