"""Intervals cover, shrink and refuse."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy
import torch
from torch import Tensor

from saesim_pl import functional as f
from saesim_pl.functional import bootstrap_interval
from saesim_pl.functional.ground.declaration import declaration_of


def _pair(n: int, seed: int, noise: float = 1.0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    a, e = (torch.randn(n, 3, generator=g, dtype=torch.float64) for _ in range(2))
    return a, a + noise * e


@pytest.mark.parametrize(
    ("measure", "population"),
    [
        # Of b = a + e, both isotropic: every canonical correlation is 1 / sqrt 2; CKA is their mean square.
        (f.linear_cka, 0.5),
        (f.mean_cca, 0.5**0.5),
        (f.linear_regression_r2, 0.5),
    ],
)
def test_intervals_cover_the_population_value(measure: Callable[..., Tensor], population: float) -> None:
    covered = 0
    for seed in range(60):
        found = bootstrap_interval(measure, *_pair(300, seed), n_resamples=60, level=0.9, seed=seed)
        assert found.low <= found.value <= found.high
        covered += found.low <= population <= found.high
    # Binomial(60, .9) lies in [47, 60] with probability .997; 60 resamples cost a little coverage.
    assert covered >= 46


@pytest.mark.parametrize("measure", [f.jaccard_similarity, f.representational_similarity, f.svcca])
def test_relational_intervals_hold_their_score_and_shrink(measure: Callable[..., Tensor]) -> None:
    few = bootstrap_interval(measure, *_pair(100, 0), n_resamples=50)
    many = bootstrap_interval(measure, *_pair(800, 0), n_resamples=50)
    for found in (few, many):
        assert found.low < found.value < found.high
    assert (many.high - many.low) / (few.high - few.low) < 0.6


def test_seeds_reproduce() -> None:
    a, b = _pair(50, 0)
    first = bootstrap_interval(f.linear_cka, a, b, 20, seed=1)
    assert bootstrap_interval(f.linear_cka, a, b, 20, seed=1) == first
    assert bootstrap_interval(f.linear_cka, a, b, 20, seed=2).low != first.low
    assert (first.level, first.n_resamples) == (0.95, 20)


def test_a_copy_has_no_spread() -> None:
    a, _ = _pair(50, 0)
    found = bootstrap_interval(f.linear_cka, a, a.clone(), 20)
    assert (found.low, found.high) == pytest.approx((1, 1))


def test_bad_input_is_refused() -> None:
    a, b = _pair(50, 0)
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 95"):
        bootstrap_interval(f.linear_cka, a, b, level=95)
    with pytest.raises(ValueError, match="halves of at least 4 rows are drawn, got 3"):
        bootstrap_interval(f.linear_cka, a[:3], b[:3])
    with pytest.raises(ValueError, match="n_resamples must be at least 2, got 1"):
        bootstrap_interval(f.linear_cka, a, b, 1)
    # 20 of 45 rows as neighbours are fine; of the 25 of a half they are not.
    with pytest.raises(ValueError, match="choose a smaller k"):
        bootstrap_interval(f.jaccard_similarity, a, b, 10, k=16)


@pytest.mark.parametrize(
    "measure", [f.mean_max_cosine_similarity, f.fraction_recovered, f.mcc, f.singular_value_distance]
)
def test_measures_without_a_pairing_are_refused(measure: Callable[..., Tensor]) -> None:
    a, b = _pair(50, 0)
    with pytest.raises(ValueError, match=f"{measure.__name__} takes no pairs .* to bootstrap_of_scores"):
        bootstrap_interval(measure, a, b, 20)
    with pytest.raises(ValueError, match=f"{measure.__name__} takes no pairs of rows, of which a subset"):
        f.subset_null(measure, a, b, torch.arange(10))


@pytest.mark.parametrize(
    ("measure", "options"),
    [
        (f.linear_cka, {}),
        (f.svcca, {}),
        (f.jaccard_similarity, {"k": 3}),
        (f.representational_similarity, {}),
        (f.procrustes_distance, {"form": "distance"}),
        (f.linear_cka, {"estimator": "debiased"}),
    ],
)
@pytest.mark.parametrize("noise", [0.02, 20.0])
def test_intervals_stay_in_range(measure: Callable[..., Tensor], options: dict, noise: float) -> None:
    low, high = declaration_of(measure).bounds(options)
    found = bootstrap_interval(measure, *_pair(40, 1, noise), n_resamples=60, **options)
    assert low is None or low < found.low
    assert high is None or found.high < high
    assert found.low < found.value < found.high


def _best_cosines(n: int, seed: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    reference = torch.randn(50, 20, generator=torch.Generator().manual_seed(9))
    reference = torch.nn.functional.normalize(reference, dim=1)
    found = torch.rand(n, 1, generator=g) < 0.3
    rows = found * 4 * reference[torch.randint(50, (n,), generator=g)] + torch.randn(n, 20, generator=g)
    return (torch.nn.functional.normalize(rows, dim=1) @ reference.T).amax(dim=1)


def _overlaps(n: int, seed: int) -> Tensor:
    """Like the Jaccard similarity of 10 neighbours of which few are shared: discrete and skewed."""
    shared = torch.poisson(torch.full((n,), 0.5), torch.Generator().manual_seed(seed)).clamp(max=10)
    return shared / (20 - shared)


@pytest.mark.parametrize("draw", [_best_cosines, _overlaps])
@pytest.mark.parametrize("n", [100, 1000])
def test_bootstrap_of_scores_covers_the_mean(draw: Callable[[int, int], Tensor], n: int) -> None:
    mean = draw(1_000_000, 10_000).mean().item()
    intervals = [f.bootstrap_of_scores(draw(n, seed), 499, seed=seed) for seed in range(1000, 1400)]
    assert all(0 <= found.low <= found.value <= found.high <= 1 for found in intervals)
    covered = sum(found.low <= mean <= found.high for found in intervals) / 400
    assert 0.92 <= covered <= 0.98


def test_bootstrap_of_scores_equals_scipy() -> None:
    scores = _overlaps(200, 3).double()
    found = f.bootstrap_of_scores(scores, 20_000, 0.9)
    expected = scipy.stats.bootstrap(
        (scores.numpy(),), np.mean, n_resamples=20_000, confidence_level=0.9, rng=0
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=3e-4)
    assert found.value == scores.mean()
    constant = f.bootstrap_of_scores(torch.full((9,), 0.25))
    assert (constant.low, constant.high) == (0.25, 0.25)


def test_bootstrap_of_scores_refuses_bad_input() -> None:
    with pytest.raises(ValueError, match=r"at least 2 numbers, got shape \(1,\)"):
        f.bootstrap_of_scores(torch.ones(1))
    with pytest.raises(ValueError, match="1 entries that are NaN"):
        f.bootstrap_of_scores(torch.tensor([0.0, float("nan"), 1.0]))
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 95"):
        f.bootstrap_of_scores(torch.ones(3), level=95)
