import math
from collections.abc import Callable

import pytest
import torch

from saesim_pl.functional import (
    expected_jaccard,
    expected_joint_rank_jaccard,
    expected_max_cosine,
    expected_rank_similarity,
    mean_max_cosine_similarity,
)
from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_of_neighbors
from saesim_pl.functional.neighbors.joint_rank_jaccard import joint_rank_jaccard_of_neighbors
from saesim_pl.functional.neighbors.mutual_knn import mutual_share_of_neighbors
from saesim_pl.functional.neighbors.paired_neighbors import neighbor_halves
from saesim_pl.functional.neighbors.rank_similarity import rank_similarity_of_neighbors
from tests.functional.test_matching import gaussian
from tests.functional.test_neighbour_measures import Measure


@pytest.mark.parametrize(
    ("per_row", "expected"),
    [
        (jaccard_of_neighbors, expected_jaccard),
        (rank_similarity_of_neighbors, expected_rank_similarity),
        (joint_rank_jaccard_of_neighbors, expected_joint_rank_jaccard),
        (mutual_share_of_neighbors, lambda n, k: k / (n - 1)),
    ],
)
@pytest.mark.parametrize(("n", "k"), [(60, 3), (80, 20)])
def test_chance_is_what_random_pairings_give(per_row: Measure, expected: Callable, n: int, k: int) -> None:
    generator = torch.Generator().manual_seed(0)
    halves = neighbor_halves(per_row, k, max_chance=1)
    of_a, of_b = halves.prepare(gaussian(0, n)), halves.prepare(gaussian(1, n))
    orders = [torch.randperm(n, generator=generator) for _ in range(200)]
    values = torch.stack([halves.repaired(of_a, of_b, order) for order in orders])
    error = values.std().item() / math.sqrt(len(values))
    assert abs(values.mean().item() - expected(n, k)) < 4 * error
    assert error < 0.05 * expected(n, k)


def test_expected_jaccard_where_the_answer_is_known() -> None:
    assert expected_jaccard(11, 10) == 1
    assert expected_jaccard(3, 1) == pytest.approx(0.5)
    assert expected_jaccard(2000, 10) == pytest.approx(10 / (2 * 1999 - 10), rel=0.06)
    with pytest.raises(ValueError, match="got k=5 with n=5"):
        expected_jaccard(5, 5)


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize(("n", "d"), [(5, 2), (40, 10), (512, 256)])
def test_expected_max_cosine_is_what_gaussian_directions_give(n: int, d: int, absolute: bool) -> None:
    best = []
    for seed in range(20):
        cosine = (
            torch.nn.functional.normalize(gaussian(seed, 100, d))
            @ torch.nn.functional.normalize(gaussian(seed + 50, n, d)).T
        )
        best.append((cosine.abs() if absolute else cosine).amax(dim=1).mean())
    values = torch.stack(best)
    error = values.std().item() / math.sqrt(20)
    assert abs(values.mean().item() - expected_max_cosine(n, d, absolute)) < 4 * error


def test_expected_max_cosine_closed_forms() -> None:
    assert expected_max_cosine(1, 7) == pytest.approx(0, abs=1e-7)
    assert expected_max_cosine(1, 3, absolute=True) == pytest.approx(0.5, abs=1e-6)
    assert expected_max_cosine(9, 3) == pytest.approx(0.8, abs=1e-6)
    value = mean_max_cosine_similarity(gaussian(0, 512, 256), gaussian(1, 512, 256))
    assert value.item() == pytest.approx(expected_max_cosine(512, 256), abs=0.005)
    with pytest.raises(ValueError, match="d_in >= 2, got 3 and 1"):
        expected_max_cosine(3, 1)
