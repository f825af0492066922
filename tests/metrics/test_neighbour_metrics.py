"""What every metric of this half promises: blocks, processes, precision, copies."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric

from saesim_pl import functional, metrics

ROWS = (
    "JaccardSimilarity",
    "MutualKnn",
    "RankSimilarity",
    "JointRankJaccard",
    "SecondOrderCosineSimilarity",
)
SUMS = ("ActivationCorrelation",)
MEANS = ("MeanMaxCosineSimilarity", "MatchedCosineSimilarity")
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "JaccardSimilarity": functional.jaccard_similarity,
    "MutualKnn": functional.mutual_knn,
    "RankSimilarity": functional.rank_similarity,
    "JointRankJaccard": functional.joint_rank_jaccard,
    "SecondOrderCosineSimilarity": functional.second_order_cosine_similarity,
    "ActivationCorrelation": functional.activation_correlation,
    "MeanMaxCosineSimilarity": functional.mean_max_cosine_similarity,
    "MatchedCosineSimilarity": functional.matched_cosine_similarity,
}


def rows(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, noise = (torch.randn(60, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    return a.to(dtype), (a + 0.5 * noise).to(dtype)


def fed(name: str, *blocks: slice, dtype: torch.dtype = torch.float64) -> Metric:
    metric = getattr(metrics, name)()
    a, b = rows(dtype)
    for block in blocks:
        metric.update(a[block], b[block])
    return metric


def value(metric: Metric) -> Tensor:
    result = metric.compute()
    return result.whole() if isinstance(result, functional.Scores) else result


def one_shot(name: str, dtype: torch.dtype = torch.float64) -> Tensor:
    result = FUNCTIONS[name](*rows(dtype))
    return result.whole() if isinstance(result, functional.Scores) else result


THIRDS = (slice(0, 1), slice(1, 37), slice(37, 60))


@pytest.mark.parametrize("name", ROWS + SUMS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_uneven_blocks_equal_one_shot(name: str, dtype: torch.dtype, tolerance: float) -> None:
    got, expected = value(fed(name, *THIRDS, dtype=dtype)), one_shot(name, dtype)
    torch.testing.assert_close(got.double(), expected.double(), atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", MEANS)
def test_dictionaries_are_averaged_over_updates(name: str) -> None:
    a, _ = rows()
    metric = fed(name, slice(0, 60))
    metric.update(a, a)
    torch.testing.assert_close(value(metric), (one_shot(name) + 1) / 2)


@pytest.mark.parametrize("name", metrics.__all__)
def test_contract(name: str) -> None:
    metric = fed(name, *THIRDS)
    assert metric.higher_is_better
    assert metric.full_state_update is False
    assert metric.is_differentiable in (True, False)
    assert metric.plot_lower_bound < metric.plot_upper_bound
    expected = value(metric)
    for copy in (metric.clone(), pickle.loads(pickle.dumps(metric))):
        assert torch.equal(value(copy), expected)
    metric.reset()
    metric.update(*rows())
    torch.testing.assert_close(value(metric), one_shot(name))


@pytest.mark.parametrize("name", ROWS + SUMS)
def test_merging_states_equals_one_stream(name: str) -> None:
    metric, other, empty = fed(name, THIRDS[1]), fed(name, THIRDS[0], THIRDS[2]), fed(name)
    empty.merge_state(metric)
    empty.merge_state(fed(name).metric_state)
    empty.merge_state(other)
    if name in SUMS:
        empty._update_count = 1
        torch.testing.assert_close(value(empty), one_shot(name))
    else:
        assert sum(map(len, empty.a)) == sum(map(len, empty.b)) == 60


@pytest.mark.parametrize("name", metrics.__all__)
def test_half_precision_models_do_not_round_the_states(name: str) -> None:
    metric = fed(name, slice(0, 60))
    module = torch.nn.Module()
    module.metric = metric
    module.to(torch.bfloat16)
    metric._computed = None
    torch.testing.assert_close(value(metric), one_shot(name), atol=0, rtol=1e-12)


@pytest.mark.parametrize("name", metrics.__all__)
def test_plot(name: str) -> None:
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, _ = fed(name, slice(0, 60)).plot()
    assert figure.axes
    plt.close("all")


@pytest.mark.parametrize("name", ROWS)
def test_no_rows_and_other_widths_are_refused(name: str) -> None:
    with (
        pytest.warns(UserWarning, match="before the ``update``"),
        pytest.raises(ValueError, match=f"{name} has no rows"),
    ):
        fed(name).compute()
    metric = fed(name, slice(0, 60))
    with pytest.raises(ValueError, match="earlier rows of a have width 6, got 5"):
        metric.update(torch.ones(3, 5), torch.ones(3, 5))


def _one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    uneven = {name: fed(name, THIRDS[0], THIRDS[1]) if rank else fed(name, THIRDS[2]) for name in ROWS + SUMS}
    lonely = {name: fed(name, *THIRDS) if rank else fed(name) for name in ROWS + SUMS}
    means = {name: fed(name, slice(0, 60)) if rank else fed(name) for name in MEANS}
    found: list[dict[str, Tensor]] = []
    for group in (uneven, lonely, means):
        for metric in group.values():
            # A process without data is what is tested here; torchmetrics warns of it.
            metric._update_count = 1
        found.append({name: value(metric) for name, metric in group.items()})
    # After a computation over processes each must hold its own data only, and take more.
    for metric in uneven.values():
        metric.update(*more_rows(rank))
    again = {name: value(metric) for name, metric in uneven.items()}
    torch.save([*found, again], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def more_rows(rank: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rank + 1)
    a, b = (torch.randn(30, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    return a, b


def test_two_processes_equal_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        uneven, lonely, means, again = torch.load(tmp_path / f"{rank}.pt")
        for name in ROWS + SUMS:
            torch.testing.assert_close(uneven[name], one_shot(name), msg=f"{name} on rank {rank}")
            torch.testing.assert_close(lonely[name], one_shot(name), msg=f"{name} on rank {rank}")
            expected = fed(name, THIRDS[2])
            expected.update(*more_rows(0))
            for block in THIRDS[:2]:
                expected.update(*(side[block] for side in rows()))
            expected.update(*more_rows(1))
            torch.testing.assert_close(again[name], value(expected))
        for name in MEANS:
            torch.testing.assert_close(means[name], one_shot(name))
