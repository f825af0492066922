"""Sums over samples: observed and shifted, whole or in batches, of one process or of several."""

import pytest
import torch

from saesim_pl.comparison.latent_measures import check_latent_metrics, score_latents
from saesim_pl.comparison.latents import LatentSums
from saesim_pl.functional import activation_correlation
from saesim_pl.metrics import (
    SVCCA,
    CorrelationMatch,
    JaccardSimilarity,
    LinearCKA,
    LinearRegressionR2,
    ProcrustesDistance,
    RepresentationalSimilarity,
)

METRICS = {
    "svcca": SVCCA(),
    "linear_cka": LinearCKA(estimator="debiased"),
    "representational_similarity": RepresentationalSimilarity("squared_euclidean", "pearson"),
    "correlation_match": CorrelationMatch(),
    "linear_regression_r2": LinearRegressionR2(),
    "procrustes_distance": ProcrustesDistance(),
}


def latents(n: int = 60, seed: int = 0):
    g = torch.Generator().manual_seed(seed)
    a = (torch.randn(n, 5, generator=g) - 0.5).relu()
    b = (a @ torch.randn(5, 4, generator=g) + 0.5 * torch.randn(n, 4, generator=g)).relu()
    return a, b


@pytest.mark.parametrize("batch", [60, 13, 7, 1])
def test_shifted_correlations_are_those_of_rolled_samples(batch: int) -> None:
    a, b = latents()
    sums = LatentSums(n_draws=3, document=4)
    for start in range(0, 60, batch):
        sums.update(a[start : start + batch], b[start : start + batch])
    found = sums.correlations()
    assert found.n_draws == 3
    for shift, scores in zip((0, 4, 8, 12), [found.observed, *found.shifted], strict=True):
        expected = activation_correlation(a, b.roll(shift, 0)).whole()
        assert torch.allclose(scores.whole().float(), expected, atol=1e-5)


def test_ranks_that_see_a_share_each_sum_up_to_the_whole() -> None:
    a, b = latents()
    whole = LatentSums(n_draws=3, document=4, keep_squares=True)
    for start in (0, 20, 40):
        whole.update(a[start : start + 20], b[start : start + 20])
    ranks = [LatentSums(n_draws=3, document=4, keep_squares=True) for _ in range(2)]
    for start in (0, 20, 40):
        seen = b[start : start + 20]
        ranks[0].update(a[start : start + 9], seen, first=0)
        ranks[1].update(a[start + 9 : start + 20], seen, first=9)
    for one in (whole, *ranks):
        one.close()
    for together, *parts in zip(
        whole.cross + whole.own, *(rank.cross + rank.own for rank in ranks), strict=True
    ):
        for name in together._fields:
            summed = sum(getattr(part, name) for part in parts)
            assert torch.allclose(summed, getattr(together, name), rtol=1e-6, atol=1e-6), name


def test_scores_of_latents_are_those_of_the_metrics_on_all_samples() -> None:
    a, b = latents()
    sums = LatentSums(n_draws=3, document=4, keep_squares=True)
    for start in range(0, 60, 13):
        sums.update(a[start : start + 13], b[start : start + 13])
    for scored in score_latents("a~b", METRICS, sums, "null"):
        metric = METRICS[scored.row.measure]
        for value, shift in zip([scored.observed, *scored.draws.tolist()], (0, 4, 8, 12), strict=True):
            fresh = metric.clone()
            fresh.update(a, b.roll(shift, 0))
            assert value == pytest.approx(float(fresh.compute()), rel=1e-4, abs=1e-6), scored.row.measure


def test_shifts_longer_than_the_stream_are_left_out() -> None:
    a, b = latents(10)
    sums = LatentSums(n_draws=5, document=4)
    sums.update(a, b)
    assert sums.correlations().n_draws == 1  # by 4; by 8 is a shift by 2 the other way
    with pytest.raises(ValueError, match="need two samples, got 0"):
        LatentSums(n_draws=5, document=4).correlations()
    with pytest.raises(ValueError, match="closed"):
        sums.update(a, b)


def test_metrics_that_keep_rows_are_refused() -> None:
    check_latent_metrics(METRICS)
    for bad in (
        JaccardSimilarity(),
        RepresentationalSimilarity(),
        RepresentationalSimilarity("cosine", "pearson"),
    ):
        with pytest.raises(ValueError, match="needs every row of latents; take SVCCA"):
            check_latent_metrics({"bad": bad})
