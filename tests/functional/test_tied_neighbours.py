"""Rows whose neighbours are equally near: every way of breaking the tie counts alike."""

import itertools
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from saesim_pl.functional import (
    expected_jaccard,
    jaccard_similarity,
    joint_rank_jaccard,
    mutual_knn,
    permutation_null,
    rank_similarity,
    second_order_cosine_similarity,
)
from saesim_pl.functional.ground.declaration import declaration_of
from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_of_neighbors
from saesim_pl.functional.neighbors.rank_similarity import rank_similarity_of_neighbors, rank_weights
from tests.functional.test_matching import rotation

Measure = Callable[..., Tensor]
IN_HALVES: tuple[Measure, ...] = (jaccard_similarity, mutual_knn, rank_similarity, joint_rank_jaccard)

pytestmark = pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")


def one_hot(g: torch.Generator, n: int = 60) -> Tensor:
    return torch.eye(5)[torch.randint(5, (n,), generator=g)]


def top_1(g: torch.Generator, n: int = 60) -> Tensor:
    return torch.rand(n, 1, generator=g) * torch.eye(16)[torch.randint(16, (n,), generator=g)]


def zero_rows(g: torch.Generator, n: int = 60) -> Tensor:
    return torch.randn(n, 16, generator=g) * (torch.rand(n, 1, generator=g) > 0.3)


def multi_hot(g: torch.Generator, n: int = 60) -> Tensor:
    return (torch.rand(n, 40, generator=g) < 0.1).float()


def sparse(g: torch.Generator, n: int = 60) -> Tensor:
    return torch.rand(n, 64, generator=g) * (torch.rand(n, 64, generator=g) < 0.02)


KINDS = (one_hot, top_1, zero_rows, multi_hot, sparse)


@pytest.mark.parametrize("measure", [*IN_HALVES, second_order_cosine_similarity])
@pytest.mark.parametrize("kind", KINDS)
def test_value_depends_neither_on_row_order_nor_on_rounding(measure: Measure, kind: Callable) -> None:
    g = torch.Generator().manual_seed(0)
    a, b, order = kind(g), kind(g), torch.randperm(60, generator=g)
    value = measure(a.double(), b.double(), 4).item()
    assert measure(a[order].double(), b[order].double(), 4).item() == pytest.approx(value, abs=1e-13)
    turned = a.double()[:, torch.randperm(a.shape[1], generator=g)] * 0.3
    assert measure(turned, b.double(), 4).item() == pytest.approx(value, abs=1e-13)
    assert measure(a.double() @ rotation(1, a.shape[1]), b.double(), 4).item() == pytest.approx(
        value, abs=1e-9
    )
    assert measure(a, b, 4).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("measure", IN_HALVES)
@pytest.mark.parametrize("kind", KINDS)
def test_null_is_a_loop_over_the_measure(measure: Measure, kind: Callable) -> None:
    g = torch.Generator().manual_seed(1)
    a, b = kind(g).double(), kind(g).double()
    halves = declaration_of(measure).halves({"k": 4}, len(a))
    assert halves is not None
    sides = halves.prepare(a), halves.prepare(b)
    for _ in range(5):
        order = torch.randperm(len(a), generator=g)
        assert halves.repaired(*sides, order).item() == pytest.approx(
            measure(a, b[order], 4).item(), abs=1e-13
        )


def test_expected_overlap_by_counting_all_ways() -> None:
    # Row 0 has a sure neighbour on each side and two ties for its second place on one, three on the other.
    a = torch.tensor([[0.0], [1.0], [2.0], [-2.0], [5.0], [-6.0]])
    b = torch.tensor([[0.0, 0], [2, 0], [-2, 0], [0, 1], [0, 2], [9, 9]])
    ways_a, ways_b = [(1, 2), (1, 3)], [(3, 1), (3, 2), (3, 4)]
    pairs = list(itertools.product(ways_a, ways_b))
    shared = Fraction(sum(len(set(p) & set(q)) for p, q in pairs), len(pairs))
    total = sum(rank_weights(2)[p.index(j), q.index(j)] for p, q in pairs for j in set(p) & set(q)) / len(
        pairs
    )
    halves = declaration_of(mutual_knn).halves({"k": 2, "metric": "euclidean", "max_chance": 1}, 6)
    assert halves is not None
    sides = halves.prepare(a), halves.prepare(b)
    assert jaccard_of_neighbors(*sides)[0].item() == pytest.approx(float(shared / (4 - shared)))
    assert rank_similarity_of_neighbors(*sides)[0].item() == pytest.approx(float(total))


def test_a_row_without_direction_scores_as_chance_does() -> None:
    zero = torch.zeros(30, 3)
    rows = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    assert mutual_knn(zero, rows, 5).item() == pytest.approx(5 / 29)
    assert mutual_knn(zero, zero, 5).item() == pytest.approx(5 / 29)
    assert jaccard_similarity(zero, rows, 5).item() == pytest.approx(expected_jaccard(30, 5), rel=0.1)


@pytest.mark.parametrize("measure", [jaccard_similarity, rank_similarity])
@pytest.mark.parametrize("kind", KINDS)
def test_independent_tied_sides_are_significant_as_often_as_promised(
    measure: Measure, kind: Callable
) -> None:
    g = torch.Generator().manual_seed(2)
    p = [permutation_null(measure, kind(g, 30), kind(g, 30), 19, seed, k=3).p_value for seed in range(60)]
    # .05 of 60 are 3; nine or more have probability .003.
    assert sum(value <= 0.05 for value in p) < 9


def test_shared_structure_of_tied_rows_is_found() -> None:
    g = torch.Generator().manual_seed(3)
    a = one_hot(g)
    assert permutation_null(jaccard_similarity, a, a[:, [2, 0, 1, 4, 3]] * 2, 99, k=3).p_value == 0.01
