"""float32 rows have the neighbours that float64 finds by brute force, however their digits lie."""

import pytest
import torch
from torch import Tensor

from saesim_pl.functional import (
    jaccard_similarity,
    joint_rank_jaccard,
    mean_max_cosine_similarity,
    mutual_knn,
    nearest_neighbours,
    rank_similarity,
    second_order_cosine_similarity,
)
from saesim_pl.functional.neighbors.points import Nearness


def gaussian(n: int = 300, d: int = 32, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def massive_columns() -> Tensor:
    x = gaussian()
    x[:, 3] += 1e4
    x[:, 7] -= 5e3
    return x


CASES = {
    "plain": gaussian(),
    "massive columns": massive_columns(),
    "massive and varied columns": gaussian() * torch.cat([torch.tensor([1e4, 3e3]), torch.ones(30)]),
    "offset": gaussian() + 1000,
    "large offset": gaussian() + 1e5,
    "one way": gaussian(1, seed=3) + 1e-4 * gaussian(),
    "far row": torch.cat([gaussian(), 1e6 * gaussian(1, seed=4)]),
    "huge": gaussian() * 1e20,
    "tiny": gaussian() * 1e-30,
    "half": gaussian().half(),
}


def brute_force(x: Tensor, k: int, metric: str) -> Tensor:
    x = x.double()
    x = x / x.norm(dim=1, keepdim=True) if metric == "cosine" else x
    distance = torch.stack([(x - row).square().sum(dim=1) for row in x]).fill_diagonal_(torch.inf)
    return distance.topk(k, largest=False).indices


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("case", CASES)
def test_neighbours_equal_brute_force(case: str, metric: Nearness) -> None:
    x = CASES[case]
    expected = brute_force(x, 10, metric)
    assert torch.equal(nearest_neighbours(x, 10, metric), expected)
    assert torch.equal(nearest_neighbours(x.double(), 10, metric), expected)
    assert torch.equal(nearest_neighbours(x, 10, metric, memory_budget=1), expected)


def test_massive_columns_leave_jaccard_as_float64_gives_it() -> None:
    a = massive_columns()
    b = a + 0.3 * gaussian(seed=1)
    assert jaccard_similarity(a, b).item() == pytest.approx(jaccard_similarity(a.double(), b.double()).item())


@pytest.mark.parametrize("scale", [1e20, 1e-30, 3e37])
def test_cosines_of_any_scale(scale: float) -> None:
    a, b = gaussian(40), gaussian(50, seed=1)
    expected = mean_max_cosine_similarity(a, b)
    torch.testing.assert_close(mean_max_cosine_similarity(a * scale, b / 7), expected)
    mixed = a * torch.cat([torch.full((20, 1), scale), torch.ones(20, 1)])
    torch.testing.assert_close(mean_max_cosine_similarity(mixed, b), expected)


@pytest.mark.parametrize(
    "measure",
    [jaccard_similarity, mutual_knn, rank_similarity, joint_rank_jaccard, second_order_cosine_similarity],
)
def test_rows_may_require_a_gradient(measure) -> None:  # type: ignore[no-untyped-def]
    a, b = gaussian(40).requires_grad_(), gaussian(40, seed=1).requires_grad_()
    assert measure(a, b, 3).item() == pytest.approx(measure(a.detach(), b.detach(), 3).item())
    assert torch.equal(nearest_neighbours(a, 3), nearest_neighbours(a.detach(), 3))


def test_best_cosines_keep_their_gradient() -> None:
    a, b = gaussian(20).requires_grad_(), gaussian(30, seed=1)
    mean_max_cosine_similarity(a, b).backward()
    units = [x / x.norm(dim=1, keepdim=True) for x in (a.detach(), b)]
    best = units[1][(units[0] @ units[1].T).argmax(dim=1)]
    along = (best * units[0]).sum(dim=1, keepdim=True) * units[0]
    expected = (best - along) / a.detach().norm(dim=1, keepdim=True) / len(a)
    torch.testing.assert_close(a.grad, expected)
