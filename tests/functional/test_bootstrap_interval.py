"""Intervals cover, shrink and refuse."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from saesim_pl import functional as f
from saesim_pl.functional import bootstrap_interval


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
