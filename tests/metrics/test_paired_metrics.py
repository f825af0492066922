"""The contract of every metric: any blocks, ranks and casts give what the function gives on all rows."""

import pickle
import warnings
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn
from torchmetrics import Metric

from tests.metrics.cases import CASES, Measure, Options, every_metric, paired_rows, updated


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


DIFFERENTIABLE = [case for case in CASES if case[0].is_differentiable]


@pytest.mark.parametrize(("cls", "function", "options"), DIFFERENTIABLE, ids=str)
def test_forward_passes_finite_gradients(cls: type[Metric], function: Measure, options: Options) -> None:
    a, b = paired_rows()
    a.requires_grad_()
    cls(**options)(a, b).backward()
    assert a.grad is not None
    assert a.grad.isfinite().all()
    assert a.grad.any()
