import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from saesim_pl.functional import (
    SimilarityWarning,
    jaccard_similarity,
    joint_rank_jaccard,
    mutual_knn,
    nearest_neighbours,
    neighbour_overlap,
    permute_neighbours,
    rank_similarity,
    second_order_cosine_similarity,
)
from saesim_pl.functional.neighbors.points import Nearness
from tests.functional.test_matching import gaussian, rotation

Measure = Callable[..., Tensor]
MEASURES: tuple[Measure, ...] = (
    jaccard_similarity,
    mutual_knn,
    rank_similarity,
    joint_rank_jaccard,
    second_order_cosine_similarity,
)
WITH_METRIC = MEASURES[:4]


def plain_neighbours(x: np.ndarray, k: int, metric: str) -> list[list[int]]:
    def distance(i: int, j: int) -> float:
        if metric == "euclidean":
            return float(np.linalg.norm(x[i] - x[j]))
        scale = float(np.linalg.norm(x[i]) * np.linalg.norm(x[j]))
        return 1 - float(x[i] @ x[j]) / scale if scale else 1.0

    n = len(x)
    return [sorted(set(range(n)) - {i}, key=lambda j: (distance(i, j), j))[:k] for i in range(n)]


def plain_value(name: str, x: np.ndarray, y: np.ndarray, k: int, metric: str) -> float:
    total = []
    for i, (p, q) in enumerate(
        zip(plain_neighbours(x, k, metric), plain_neighbours(y, k, metric), strict=True)
    ):
        common = set(p) & set(q)
        ranks = [(p.index(j) + 1, q.index(j) + 1) for j in common]
        harmonic = sum(1 / m for m in range(1, len(common) + 1))
        rank = sum(2 / ((1 + abs(r - s)) * (r + s)) for r, s in ranks) / harmonic if common else 0.0
        jaccard = len(common) / len(set(p) | set(q))
        either = sorted(set(p) | set(q))
        u, v = (
            np.array([1 - z[i] @ z[j] / np.linalg.norm(z[i]) / np.linalg.norm(z[j]) for j in either])
            for z in (x, y)
        )
        total.append(
            {
                "jaccard_similarity": jaccard,
                "mutual_knn": len(common) / k,
                "rank_similarity": rank,
                "joint_rank_jaccard": jaccard * rank,
                "second_order_cosine_similarity": u @ v / np.linalg.norm(u) / np.linalg.norm(v),
            }[name]
        )
    return float(np.mean(total))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 4])
def test_value_equals_plain_loops(measure: Measure, metric: Nearness, k: int) -> None:
    a = gaussian(0, 25)
    b = a[:, :5] + 0.7 * gaussian(1, 25, 5)
    if measure is second_order_cosine_similarity and metric == "euclidean":
        pytest.skip("defined by cosines alone")
    options = {} if measure is second_order_cosine_similarity else {"metric": metric}
    expected = plain_value(measure.__name__, a.numpy(), b.numpy(), k, metric)
    for memory_budget in (1, 2**28):
        value = measure(a, b, k, memory_budget=memory_budget, **options)
        assert value.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_invariances(measure: Measure, seed: int) -> None:
    a, b = gaussian(seed, 24), gaussian(seed + 1, 24)
    b = a + 0.5 * b
    order = torch.randperm(24, generator=torch.Generator().manual_seed(seed))
    value = measure(a, b, 3)
    torch.testing.assert_close(measure(b, a, 3), value)
    torch.testing.assert_close(measure(3 * a @ rotation(seed), b, 3), value)
    torch.testing.assert_close(measure(a[order], b[order], 3), value)
    torch.testing.assert_close(measure(a * (gaussian(seed + 2, 24).abs()[:, :1] + 0.1), b, 3), value)
    assert measure(a, b[order], 3) < value


@pytest.mark.parametrize("measure", WITH_METRIC)
def test_euclidean_neighbours_do_not_see_translation_and_cosine_ones_do(measure: Measure) -> None:
    a, b = gaussian(0, 40), gaussian(1, 40) + gaussian(0, 40)
    for metric, moves in (("euclidean", False), ("cosine", True)):
        moved = abs(measure(a + 100, b, 4, metric) - measure(a, b, 4, metric))
        assert (moved > 1e-3) == moves


@pytest.mark.parametrize("measure", MEASURES)
def test_same_rows_give_one(measure: Measure) -> None:
    a = gaussian(0, 60, 8)
    assert measure(a, a).item() == pytest.approx(1)
    assert measure(a.float(), a.float()).dtype == torch.float32


def test_neighbours_in_hand_made_space() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [3.0], [100.0]])
    assert nearest_neighbours(points, 2, "euclidean").tolist() == [[1, 2], [0, 2], [3, 1], [2, 1], [2, 3]]


@pytest.mark.parametrize("k", [1, 5, 12, 38])
def test_ties_go_to_the_lower_index(k: int) -> None:
    points = torch.randint(0, 3, (40, 2), generator=torch.Generator().manual_seed(k)).float()
    expected = plain_neighbours(points.numpy(), k, "euclidean")
    assert nearest_neighbours(points, k, "euclidean").tolist() == expected
    zero = torch.zeros(40, 3)
    assert nearest_neighbours(zero, k).tolist() == plain_neighbours(zero.numpy(), k, "cosine")


def test_permuting_neighbours_equals_searching_again() -> None:
    a, order = gaussian(0, 50), torch.randperm(50, generator=torch.Generator().manual_seed(0))
    found = nearest_neighbours(a, 5)
    assert torch.equal(permute_neighbours(found, order), nearest_neighbours(a[order], 5))
    assert torch.equal(neighbour_overlap(found, found.flip(1)), torch.full((50,), 5))


@pytest.mark.parametrize("measure", MEASURES)
def test_errors_name_what_is_wrong(measure: Measure) -> None:
    a = gaussian(0, 30)
    with pytest.raises(ValueError, match="got k=30 with n=30 rows"):
        measure(a, a, 30)
    with pytest.raises(ValueError, match="got k=0"):
        measure(a, a, 0)
    with pytest.raises(ValueError, match=r"similarity of 0\.26, more than max_chance=0\.25"):
        measure(a, a, 12)
    assert measure(a, a, 11) <= measure(a, a, 12, max_chance=1) + 1e-9
    with pytest.raises(ValueError, match="a has 30 rows, b has 29"):
        measure(a, a[1:], 3)
    with pytest.raises(ValueError, match="b holds 6 entries that are NaN"):
        measure(a, torch.cat([a[1:], a[:1] / 0]), 3)


def test_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="metric must be one of 'cosine', 'euclidean', got 'l1'"):
        nearest_neighbours(gaussian(0, 5), 1, "l1")  # type: ignore[arg-type]


@pytest.mark.parametrize("measure", MEASURES)
def test_little_information_warns(measure: Measure) -> None:
    a = gaussian(0, 30)
    with pytest.warns(SimilarityWarning, match="9 pairs"):
        measure(a[:9], a[:9], 1)
    repeated = torch.cat([a, 2 * a[:3]])
    with pytest.warns(SimilarityWarning, match="6 of 33 rows of b repeat"):
        measure(gaussian(1, 33), repeated, 3)
    zero = a.clone()
    zero[5] = 0
    with pytest.warns(SimilarityWarning, match="1 of 30 rows of a are zero"):
        value = measure(zero, a, 3)
    assert 0 <= value <= 1


def test_a_scaled_copy_is_another_point_for_euclidean_neighbours() -> None:
    a = gaussian(0, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jaccard_similarity(torch.cat([a, 2 * a]), torch.cat([a, 3 * a]), 3, "euclidean")
