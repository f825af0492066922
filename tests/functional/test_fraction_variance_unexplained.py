"""NaN stays NaN, and activations without variance have no share of it unexplained."""

import functools
import math

import pytest
import torch

from saesim_pl.functional import SimilarityWarning, fraction_variance_unexplained
from saesim_pl.functional.quality.fraction_variance_unexplained import fvu_from_moments
from saesim_pl.functional.quality.relative_reconstruction_bias import bias_from_sums
from saesim_pl.metrics import FractionVarianceUnexplained, SAEQuality


def _gaussian(n: int = 50, d: int = 4) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("side", [0, 1])
def test_nan_never_becomes_a_number(side: int) -> None:
    sides = [_gaussian(), _gaussian() + 0.1]
    sides[side][3, 2] = float("nan")
    # As an accelerator sums it up, where no batch is waited for.
    x, x_hat = (each.double() for each in sides)
    moments = x.sum(0), x.square().sum(), torch.tensor(len(x))
    assert math.isnan(fvu_from_moments((x - x_hat).square().sum(), *moments))
    assert math.isnan(bias_from_sums(x_hat.square().sum(), (x * x_hat).sum()))
    quality = functools.partial(SAEQuality(4, 6).update, latents=torch.ones(50, 6))
    for update in (FractionVarianceUnexplained(4).update, quality):
        with pytest.raises(ValueError, match="1 entries that are NaN"):
            update(*sides)
    with pytest.raises(ValueError, match="1 entries that are NaN"):
        fraction_variance_unexplained(*sides)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
@pytest.mark.parametrize("error", [0.0, 0.5])
def test_a_stream_without_variance_has_no_fvu_and_says_so(value: float, error: float) -> None:
    x = torch.full((30, 4), value)
    with pytest.raises(ValueError, match="x has no variance to explain: its 30 rows are equal"):
        fraction_variance_unexplained(x, x + error)
    metric, quality = FractionVarianceUnexplained(4), SAEQuality(4, 6)
    for rows in x.split(7):
        metric.update(rows, rows + error)
        quality.update(rows, rows + error, torch.ones(len(rows), 6))
    for compute in (metric.compute, lambda: quality.compute()["fvu"]):
        with pytest.warns(SimilarityWarning, match="30 rows have no variance"):
            assert math.isnan(compute())


def test_little_variance_far_from_zero_is_variance() -> None:
    x = 1000 + 1e-2 * _gaussian().double()
    x_hat = x + 1e-3 * _gaussian().double().flip(0)
    metric = FractionVarianceUnexplained(4)
    metric.update(x, x_hat)
    expected = fraction_variance_unexplained(x, x_hat).item()
    assert metric.compute().item() == pytest.approx(expected, rel=1e-4)
    assert expected == pytest.approx(0.01, rel=0.2)
