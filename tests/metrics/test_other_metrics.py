"""What metrics promise that are not a similarity of paired rows: blocks, processes, precision, copies."""

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric

from saesim_pl import functional, metrics
from tests.metrics.cases import CASES

WIDTH = 6


def quality(a: Tensor, b: Tensor) -> Tensor:
    """What ``SAEQuality`` gives for reconstructions ``b`` and latents ``a``, by the functions."""
    frequency = functional.firing_frequency(a)
    return torch.stack(
        [
            frequency.sum(),
            (frequency == 0).double().mean(),
            (frequency > 0.5).double().mean(),
            functional.fraction_variance_unexplained(a, b),
            functional.reconstruction_cosine(a, b),
            functional.relative_reconstruction_bias(a, b),
        ]
    )


SUMS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "ActivationCorrelation": (functional.activation_correlation, {}),
    "FiringAgreement": (functional.firing_agreement, {"n_pairs": WIDTH}),
    "FiringFrequency": (lambda a, b: functional.firing_frequency(a), {"d_sae": WIDTH}),
    "FractionVarianceUnexplained": (functional.fraction_variance_unexplained, {"d_in": WIDTH}),
    "SAEQuality": (quality, {"d_in": WIDTH, "d_sae": WIDTH, "dense_threshold": 0.5}),
}
MEANS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "MeanMaxCosineSimilarity": (functional.mean_max_cosine_similarity, {}),
    "MatchedCosineSimilarity": (functional.matched_cosine_similarity, {}),
    "MCC": (functional.mcc, {}),
    "FractionRecovered": (partial(functional.fraction_recovered, threshold=0.8), {"threshold": 0.8}),
    "FractionShared": (partial(functional.fraction_shared, threshold=0.8), {"threshold": 0.8}),
    "Uniqueness": (functional.uniqueness, {}),
}
OTHERS = SUMS | MEANS
THIRDS = (slice(0, 1), slice(1, 37), slice(37, 60))


def rows(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, noise = (torch.randn(60, WIDTH, generator=generator, dtype=torch.float64) for _ in range(2))
    return a.to(dtype), (a + 0.5 * noise).to(dtype)


def feed(metric: Metric, a: Tensor, b: Tensor) -> Metric:
    takes = {metrics.FiringFrequency: (a,), metrics.SAEQuality: (a, b, a)}
    metric.update(*takes.get(type(metric), (a, b)))
    return metric


def fed(name: str, *blocks: slice, dtype: torch.dtype = torch.float64) -> Metric:
    metric = getattr(metrics, name)(**OTHERS[name][1])
    a, b = rows(dtype)
    for block in blocks:
        feed(metric, a[block], b[block])
    return metric


def whole(result: Any) -> Tensor:
    if isinstance(result, dict):
        return torch.stack(list(result.values()))
    return result.whole() if isinstance(result, functional.Scores) else result


def one_shot(name: str, dtype: torch.dtype = torch.float64) -> Tensor:
    return whole(OTHERS[name][0](*rows(dtype)))


def test_every_exported_metric_is_tested_here_or_with_the_paired_ones() -> None:
    # MatchedScore looks at a matching alone: tests/comparison.
    assert set(metrics.__all__) - {"MatchedScore"} == {cls.__name__ for cls, _, _ in CASES} | OTHERS.keys()


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_uneven_blocks_equal_one_shot(name: str, dtype: torch.dtype, tolerance: float) -> None:
    got, expected = whole(fed(name, *THIRDS, dtype=dtype).compute()), one_shot(name, dtype)
    torch.testing.assert_close(got.double(), expected.double(), atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", MEANS)
def test_dictionaries_are_averaged_over_updates(name: str) -> None:
    a, _ = rows()
    metric = fed(name, slice(0, 60))
    metric.update(a, a)
    torch.testing.assert_close(metric.compute(), (one_shot(name) + 1) / 2)


@pytest.mark.parametrize("name", OTHERS)
def test_contract(name: str) -> None:
    metric = fed(name, *THIRDS)
    assert metric.higher_is_better in (True, False, None)
    assert metric.full_state_update is False
    assert metric.is_differentiable in (True, False)
    expected = whole(metric.compute())
    for copy in (metric.clone(), pickle.loads(pickle.dumps(metric))):
        assert torch.equal(whole(copy.compute()), expected)
    metric.reset()
    feed(metric, *rows())
    torch.testing.assert_close(whole(metric.compute()), one_shot(name))


@pytest.mark.parametrize("name", SUMS)
def test_merging_states_equals_one_stream(name: str) -> None:
    metric, other, empty = fed(name, THIRDS[1]), fed(name, THIRDS[0], THIRDS[2]), fed(name)
    empty.merge_state(metric)
    empty.merge_state(fed(name).metric_state)
    empty.merge_state(other)
    empty._update_count = 1
    torch.testing.assert_close(whole(empty.compute()), one_shot(name))


@pytest.mark.parametrize("name", OTHERS)
def test_half_precision_models_do_not_round_the_states(name: str) -> None:
    metric = fed(name, *([slice(0, 60)] if name in MEANS else THIRDS[:2]))
    module = torch.nn.Module()
    module.metric = metric
    module.to(torch.bfloat16).half()
    metric.to(torch.bfloat16).set_dtype(torch.bfloat16)
    assert {state.dtype for state in metric.metric_state.values()} <= {torch.float64, torch.int64}
    if name in SUMS:
        feed(metric, *(side[THIRDS[2]] for side in rows()))
    torch.testing.assert_close(whole(metric.compute()), one_shot(name), atol=0, rtol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_plot(name: str) -> None:
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    metric = fed(name, slice(0, 60))
    drawn = metric.plot()
    # A value of many entries gives one panel each.
    figure = drawn[0] if isinstance(drawn, tuple) else drawn
    assert figure.axes
    plt.close("all")


def _one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    uneven = {name: fed(name, *THIRDS[:2]) if rank else fed(name, THIRDS[2]) for name in SUMS}
    lonely = {name: fed(name, *THIRDS) if rank else fed(name) for name in SUMS}
    means = {name: fed(name, slice(0, 60)) if rank else fed(name) for name in MEANS}
    found: list[dict[str, Tensor]] = []
    for group in (uneven, lonely, means):
        for metric in group.values():
            # A process without data is what is tested here; torchmetrics warns of it.
            metric._update_count = 1
        found.append({name: whole(metric.compute()) for name, metric in group.items()})
    # After a computation over processes each must hold its own data only, and take more.
    for metric in uneven.values():
        feed(metric, *more_rows(rank))
    again = {name: whole(metric.compute()) for name, metric in uneven.items()}
    torch.save([*found, again], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def more_rows(rank: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rank + 1)
    a, b = (torch.randn(30, WIDTH, generator=generator, dtype=torch.float64) for _ in range(2))
    return a, b


def test_two_processes_equal_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        uneven, lonely, means, again = torch.load(tmp_path / f"{rank}.pt")
        for name in SUMS:
            torch.testing.assert_close(uneven[name], one_shot(name), msg=f"{name} on rank {rank}")
            torch.testing.assert_close(lonely[name], one_shot(name), msg=f"{name} on rank {rank}")
            expected = fed(name, *THIRDS)
            for share in (0, 1):
                feed(expected, *more_rows(share))
            torch.testing.assert_close(again[name], whole(expected.compute()))
        for name in MEANS:
            torch.testing.assert_close(means[name], one_shot(name))
