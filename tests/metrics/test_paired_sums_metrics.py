"""What metrics that keep sums promise beside the contract: digits, and one set of sums for many."""

import pytest
import torch
from torch import nn
from torchmetrics import Metric, MetricCollection

from saesim_pl import functional
from saesim_pl.metrics import (
    PWCCA,
    SVCCA,
    LinearCKA,
    MeanCCA,
    ProcrustesDistance,
    RepresentationalSimilarity,
    SingularValueDistance,
)
from saesim_pl.metrics import paired_sums as paired_sums_module
from tests.metrics.cases import N_ROWS, paired_rows, updated


@pytest.mark.parametrize("offset", [1e4, 1e6])
@pytest.mark.parametrize("cls", [MeanCCA, LinearCKA, ProcrustesDistance, SVCCA])
def test_large_means_cost_no_digits(cls: type[Metric], offset: float) -> None:
    a, b = paired_rows()
    near = updated(cls(), a, b).compute()
    # Offsets that float64 adds exactly enough: the data itself keeps 1e-16 * offset of absolute error.
    far = updated(cls(), a + offset, b - offset).compute()
    assert far.item() == pytest.approx(near.item(), rel=1e-15 * offset * 10)


def test_fourth_moments_follow_the_mean() -> None:
    a, b = paired_rows()
    drifting = torch.linspace(-50, 50, N_ROWS, dtype=torch.float64)[:, None]
    metric = updated(LinearCKA(estimator="debiased"), a + drifting, b - drifting, (30, 30, 30))
    expected = functional.linear_cka(a + drifting, b - drifting, estimator="debiased")
    assert metric.compute().item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_collection_updates_one_set_of_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = paired_rows()
    collection = MetricCollection(
        [MeanCCA(), SVCCA(), PWCCA(), LinearCKA(), ProcrustesDistance(), SingularValueDistance()]
    )
    collection.update(a[:40], b[:40])
    calls = []
    original = paired_sums_module.unchecked_sums
    monkeypatch.setattr(
        paired_sums_module, "unchecked_sums", lambda *blocks: calls.append(1) or original(*blocks)
    )
    collection.update(a[40:], b[40:])
    assert len(calls) == 1
    assert list(collection.compute_groups) == [0]
    values = collection.compute()
    assert values["SVCCA"].item() == pytest.approx(functional.svcca(a, b).item(), rel=1e-9)
    assert values["LinearCKA"].item() == pytest.approx(functional.linear_cka(a, b).item(), rel=1e-9)


def test_sums_of_mapped_rows_are_never_shared_with_plain_ones() -> None:
    a, b = (nn.functional.normalize(rows, dim=1) for rows in paired_rows())
    collection = MetricCollection(
        {"cka": LinearCKA(), "rsa": RepresentationalSimilarity("cosine", comparison="pearson")}
    )
    collection.update(a[:50], b[:50])
    collection.update(3 * a[50:], 5 * b[50:])
    whole = functional.representational_similarity(a, b, "cosine", "pearson")
    assert collection.compute()["rsa"].item() == pytest.approx(whole.item(), rel=1e-9)


def test_svcca_tells_how_many_components_it_kept() -> None:
    a, b = paired_rows()
    metric = updated(SVCCA(variance_share=0.9), a, b)
    assert metric.with_components()[1:] == functional.svcca_components(a, b, 0.9)[1:]
    share = torch.linalg.svdvals(a - a.mean(0)).square().cumsum(0)
    assert metric.with_components().components_a == int((share < 0.9 * share[-1]).sum()) + 1
