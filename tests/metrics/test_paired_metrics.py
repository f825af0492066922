"""The contract of every metric: any blocks, ranks and casts give what the function gives on all rows."""

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from saesim_pl import functional, metrics
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


@every_metric
def test_uneven_blocks_equal_the_function(cls: type[Metric], function: Measure, options: Options) -> None:
    a, b = paired_rows()
    value = updated(cls(**options), a, b).compute()
    assert value.dtype == torch.float64
    assert value.item() == pytest.approx(function(a, b, **options).item(), rel=1e-9, abs=1e-9)


@every_metric
def test_float32_blocks_equal_the_function(cls: type[Metric], function: Measure, options: Options) -> None:
    a, b = paired_rows(torch.float32)
    expected = function(a, b, **options)
    assert expected.dtype == torch.float32
    assert updated(cls(**options), a, b).compute().item() == pytest.approx(
        expected.item(), rel=1e-4, abs=1e-5
    )


@every_metric
def test_casting_the_module_keeps_the_states(
    cls: type[Metric], function: Any, options: dict[str, Any]
) -> None:
    a, b = paired_rows()
    metric = updated(cls(**options), a[:50], b[:50], (20, 30))
    module = nn.Module()
    module.metric = metric
    module.to(torch.bfloat16).bfloat16().half().to("cpu", torch.float16)
    metric.to(torch.bfloat16).set_dtype(torch.bfloat16)
    updated(metric, a[50:], b[50:], (40,))
    assert metric.compute().item() == pytest.approx(function(a, b, **options).item(), rel=1e-9, abs=1e-9)
    metric.reset()
    assert updated(metric, a, b).compute().item() == pytest.approx(
        function(a, b, **options).item(), rel=1e-9, abs=1e-9
    )


@every_metric
def test_merging_copies_and_pickles(cls: type[Metric], function: Measure, options: Options) -> None:
    a, b = paired_rows()
    first = updated(cls(**options), a[:35], b[:35], (30, 5))
    second = pickle.loads(pickle.dumps(updated(cls(**options), a[35:], b[35:], (55,))))
    empty, copied = cls(**options), first.clone()
    expected = pytest.approx(function(a, b, **options).item(), rel=1e-9, abs=1e-9)
    first.merge_state(second)
    assert first.compute().item() == expected
    copied.merge_state(second.metric_state)
    assert copied.compute().item() == expected
    first.merge_state(empty)
    assert first.compute().item() == expected
    empty.merge_state(first)
    empty._update_count = 1
    assert empty.compute().item() == expected


@every_metric
def test_forward_gives_the_blocks_value_and_accumulates(
    cls: type[Metric], function: Any, options: dict[str, Any]
) -> None:
    a, b = paired_rows()
    metric = cls(**options)
    for rows in (slice(0, 40), slice(40, 90)):
        value = metric(a[rows], b[rows])
        assert value.item() == pytest.approx(function(a[rows], b[rows], **options).item(), rel=1e-9, abs=1e-9)
    assert metric.compute().item() == pytest.approx(function(a, b, **options).item(), rel=1e-9, abs=1e-9)


@every_metric
def test_flags_bounds_and_plot(cls: type[Metric], function: Measure, options: Options) -> None:
    a, b = paired_rows()
    metric = updated(cls(**options), a, b)
    assert isinstance(metric.higher_is_better, bool)
    assert metric.full_state_update is False
    value = metric.compute().item()
    assert metric.plot_lower_bound <= value
    assert metric.plot_upper_bound is None or value <= metric.plot_upper_bound
    better = metric.higher_is_better
    same = function(a, a, **options).item()
    assert same >= value if better else same <= value
    figure, _ = metric.plot()
    plt.close(figure)


@every_metric
def test_no_rows_and_bad_blocks_are_refused(
    cls: type[Metric], function: Any, options: dict[str, Any]
) -> None:
    a, b = paired_rows()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``compute`` method of metric")
        with pytest.raises(ValueError, match="n is 0"):
            cls(**options).compute()
    metric = updated(cls(**options), a, b)
    with pytest.raises(ValueError, match="a has 90 rows, b has 89"):
        metric.update(a, b[1:])
    with pytest.raises(ValueError, match="b holds 1 entries that are NaN"):
        metric.update(a, b.where(b != b.max(), torch.nan))
    with pytest.raises(ValueError, match="widths changed"):
        metric.update(a[:, 1:], b)
    for key, value in options.items():
        if value is False:
            continue
        with pytest.raises(ValueError, match=f"{key} must be"):
            cls(**{key: "other" if isinstance(value, str) else -1})


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
    original = paired_sums_module.paired_sums
    monkeypatch.setattr(
        paired_sums_module, "paired_sums", lambda *blocks: calls.append(1) or original(*blocks)
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


DIFFERENTIABLE = [case for case in CASES if case[0].is_differentiable]


@pytest.mark.parametrize(("cls", "function", "options"), DIFFERENTIABLE, ids=str)
def test_forward_passes_finite_gradients(cls: type[Metric], function: Measure, options: Options) -> None:
    a, b = paired_rows()
    a.requires_grad_()
    cls(**options)(a, b).backward()
    assert a.grad is not None
    assert a.grad.isfinite().all()
    assert a.grad.any()


@pytest.mark.parametrize("cls", [cls for cls in vars(metrics).values() if isinstance(cls, type)])
def test_every_exported_metric_is_in_the_table(cls: type[Metric]) -> None:
    assert cls in {case[0] for case in CASES}
