"""Updates refuse what the functions refuse, and those of paired sums never wait for a device."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from saesim_pl import functional, metrics
from saesim_pl.functional.subspaces.linear_cka import linear_cka_from_sums
from saesim_pl.functional.subspaces.paired_sums import unchecked_sums
from saesim_pl.metrics.sums_metric import SumsMetric

WITH_SUMS = [each for each in map(vars(metrics).get, metrics.__all__) if issubclass(each, SumsMetric)]


@pytest.mark.parametrize(
    ("metric", "batch", "message"),
    [
        (
            metrics.FiringAgreement(5),
            (torch.rand(16, 5), torch.rand(1, 5)),
            "latents has 16 rows, magnitudes has 1",
        ),
        (
            metrics.FiringAgreement(5),
            (torch.rand(4, 1), torch.rand(4, 1)),
            "must have 5 columns, got 1",
        ),
        (metrics.FiringAgreement(1), (torch.rand(4, 1), torch.full((4, 1), torch.nan)), "magnitudes holds 4"),
        (metrics.FiringFrequency(5), (torch.rand(4, 1),), "must have 5 columns, got 1"),
        (metrics.FiringFrequency(5), (torch.full((2, 5), torch.inf),), "latents holds 10 entries"),
        (metrics.FractionVarianceUnexplained(3), (torch.rand(4, 3), torch.rand(1, 3)), "x has 4 rows"),
        (metrics.FractionVarianceUnexplained(3), (torch.rand(4, 3), torch.rand(4, 1)), "widths differ"),
        (
            metrics.FractionVarianceUnexplained(3),
            (torch.rand(4, 1), torch.rand(4, 1)),
            "x must have 3 col",
        ),
        (
            metrics.FractionVarianceUnexplained(3),
            (torch.rand(4, 3), torch.full((4, 3), torch.nan)),
            "x_hat holds 12 entries",
        ),
        (metrics.SAEQuality(3, 5), (torch.rand(4, 3), torch.rand(4, 3), torch.rand(1, 5)), "latents has 1"),
        (metrics.SAEQuality(3, 5), (torch.rand(4, 3), torch.rand(4, 3), torch.rand(4, 1)), "must have 5 col"),
        (
            metrics.SAEQuality(3, 5),
            (torch.rand(4, 3), torch.rand(4, 3), torch.full((4, 5), torch.nan)),
            "latents holds 20 entries",
        ),
        (metrics.LinearCKA(), (torch.rand(4, 3), torch.full((4, 3), torch.nan)), "b holds 12 entries"),
    ],
)
def test_an_update_refuses_a_batch_that_does_not_fit(
    metric: Metric, batch: tuple[Tensor, ...], message: str
) -> None:
    before = {name: state.clone() for name, state in metric.metric_state.items()}
    with pytest.raises(ValueError, match=message):
        metric.update(*batch)
    assert all(torch.equal(state, before[name]) for name, state in metric.metric_state.items())


@pytest.mark.parametrize("twin", WITH_SUMS, ids=lambda twin: twin.__name__)
def test_updates_of_paired_sums_never_wait_for_the_device(twin: type[SumsMetric]) -> None:
    """The meta device has no entries: asking for one, as any wait for a device does, is an error."""
    metric = twin().to("meta")
    for rows in (40, 3):
        metric.update(torch.rand(rows, 6, device="meta"), torch.rand(rows, 4, device="meta"))
    assert metric.metric_state["ab"].shape == (6, 4)


@pytest.mark.parametrize(("side", "entry"), [("a", torch.nan), ("b", torch.inf), ("b", -torch.inf)])
def test_entries_that_no_update_looked_at_are_refused_in_the_end(side: str, entry: float) -> None:
    rows: dict[str, Any] = {name: torch.rand(20, 3) for name in "ab"}
    rows[side][7, 1] = entry
    with pytest.raises(ValueError, match=f"rows of {side} held entries that are NaN or infinite"):
        linear_cka_from_sums(unchecked_sums(**rows))


@pytest.mark.parametrize(
    "measure",
    [
        functional.mean_cca,
        partial(functional.svcca, variance_share=1.0),
        functional.pwcca,
        functional.gulp_distance,
        functional.linear_regression_r2,
    ],
)
def test_centred_measures_warn_one_row_earlier(measure: Any) -> None:
    """11 rows less their mean span 10 dimensions, which 10 columns fit perfectly."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(11, 10, generator=generator, dtype=torch.float64) for _ in "ab")
    with pytest.warns(functional.SimilarityWarning, match="saturates: 11 rows in 10 columns"):
        assert measure(a, b).item() == pytest.approx(0.0 if measure is functional.gulp_distance else 1.0)


def test_an_uncentred_measure_has_no_such_row() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(11, 10, generator=generator, dtype=torch.float64) for _ in "ab")
    assert functional.eigenspace_overlap(a, b) < 0.99
    with pytest.warns(functional.SimilarityWarning, match="saturates: 10 rows in 10 columns"):
        assert functional.eigenspace_overlap(a[:10], b[:10]).item() == pytest.approx(1)
