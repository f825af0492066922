import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from saesim_pl.functional import (
    Matching,
    SimilarityWarning,
    match_by_correlation,
    match_by_cosine,
    matched_cosine_similarity,
    mean_max_cosine_similarity,
)
from saesim_pl.functional.pairing.matching import MatchingMethod
from saesim_pl.functional.pairing.one_to_one import hungarian_pairs
from saesim_pl.functional.pairing.scores import CosineScores, Scores

METHODS: tuple[MatchingMethod, ...] = ("argmax", "mutual", "hungarian")


def gaussian(seed: int, n: int, d: int = 6) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(seed: int, d: int = 6) -> Tensor:
    return torch.linalg.qr(gaussian(seed, d, d)).Q


def plain_pairs(a: np.ndarray, b: np.ndarray, method: str) -> list[tuple[int, int]]:
    def cosine(i: int, j: int) -> float:
        return float(a[i] @ b[j] / np.linalg.norm(a[i]) / np.linalg.norm(b[j]))

    live_a = [i for i in range(len(a)) if np.any(a[i])]
    live_b = [j for j in range(len(b)) if np.any(b[j])]
    best_b = {i: max(live_b, key=lambda j: cosine(i, j)) for i in live_a}
    best_a = {j: max(live_a, key=lambda i: cosine(i, j)) for j in live_b}
    return [(i, j) for i, j in best_b.items() if method == "argmax" or best_a[j] == i]


@pytest.mark.parametrize("method", ["argmax", "mutual"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("memory_budget", [1, 2**28])
def test_pairs_equal_those_of_plain_loops(method: MatchingMethod, seed: int, memory_budget: int) -> None:
    a, b = gaussian(seed, 20), gaussian(seed + 10, 15)
    a[4] = 0
    b[:2] = 0
    matching = match_by_cosine(a, b, method, memory_budget=memory_budget)
    pairs = list(zip(matching.index_a.tolist(), matching.index_b.tolist(), strict=True))
    assert pairs == plain_pairs(a.numpy(), b.numpy(), method)
    expected = torch.cosine_similarity(a[matching.index_a], b[matching.index_b])
    torch.testing.assert_close(matching.score, expected)


@pytest.mark.parametrize("method", METHODS)
def test_shuffled_rows_are_found_again_and_dead_ones_are_not_paired(method: MatchingMethod) -> None:
    a = gaussian(0, 30)
    a[7] = 0
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    matching = match_by_cosine(a, 3 * a[order], method)
    assert len(matching) == 29
    assert 7 not in matching.index_a
    assert torch.equal(order[matching.index_b], matching.index_a)
    assert matching.is_one_to_one


def test_hungarian_beats_greedy_choice_and_every_permutation() -> None:
    scores = torch.tensor([[0.9, 0.8], [0.85, 0.1]])
    matching = match_by_correlation(scores, "hungarian")
    assert matching.index_b.tolist() == [1, 0]
    assert match_by_correlation(scores, "mutual").index_b.tolist() == [0]
    assert match_by_correlation(scores, "argmax").index_b.tolist() == [0, 0]


def test_many_to_one_is_reported() -> None:
    matching = match_by_cosine(torch.eye(3).repeat(2, 1), torch.eye(3))
    assert matching.n_unique_b == 3
    assert not matching.is_one_to_one


def test_ties_go_to_the_lower_index() -> None:
    a, b = torch.ones(3, 2), torch.ones(4, 2)
    assert match_by_cosine(a, b).index_b.tolist() == [0, 0, 0]
    mutual = match_by_cosine(a, b, "mutual", memory_budget=1)
    assert (mutual.index_a.tolist(), mutual.index_b.tolist()) == ([0], [0])


def test_absolute_ignores_the_sign() -> None:
    a = gaussian(0, 12)
    for method in METHODS:
        assert matched_cosine_similarity(a, -a, method, absolute=True).item() == pytest.approx(1)
        assert matched_cosine_similarity(a, -a, method).item() < 0.9


def test_min_score_and_top_keep_the_best() -> None:
    matching = match_by_cosine(gaussian(0, 20), gaussian(1, 20))
    kept = match_by_cosine(gaussian(0, 20), gaussian(1, 20), min_score=0.7)
    assert 0 < len(kept) < 20
    assert kept.score.min() >= 0.7
    best = matching.top(5)
    assert torch.equal(best.score, matching.score.sort(descending=True).values[:5])
    assert len(matching.top(20)) == 20
    with pytest.warns(SimilarityWarning, match="the top 100 of 20 pairs are all pairs"):
        assert len(matching.top(100)) == 20
    with pytest.raises(ValueError, match="at least 1, got 0"):
        matching.top(0)


def test_a_matching_knows_how_many_pairs_were_sought() -> None:
    a, b = gaussian(0, 20), gaussian(1, 15)
    a[:7] = 0
    sought = {method: match_by_cosine(a, b, method).n_sought for method in METHODS}
    assert sought == {"argmax": 20, "mutual": None, "hungarian": 15}
    assert match_by_correlation(gaussian(0, 20), "hungarian").n_sought == 6
    assert match_by_cosine(a, b, min_score=0.5).n_sought is None
    assert match_by_cosine(a, b).top(3).n_sought is None
    with pytest.raises(ValueError, match="n_sought is 1, fewer than the 2 pairs found"):
        Matching(torch.arange(2), torch.arange(2), torch.ones(2), (3, 4), 1)


def test_nothing_alive_gives_no_pairs() -> None:
    for method in METHODS:
        assert len(match_by_cosine(torch.zeros(3, 2), torch.ones(3, 2), method)) == 0
        assert matched_cosine_similarity(torch.zeros(3, 2), torch.ones(3, 2), method) == 0


@pytest.mark.parametrize(
    ("index_a", "index_b", "message"),
    [
        ([0, 3], [0, 1], r"index_a must lie in \[0, 3\), got 0 to 3"),
        ([0, 1], [-1, 1], r"index_b must lie in \[0, 4\), got -1 to 1"),
        ([0], [0, 1], "must be one length"),
    ],
)
def test_bad_indices_are_refused(index_a: list[int], index_b: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Matching(torch.tensor(index_a), torch.tensor(index_b), torch.ones(2), (3, 4))
    with pytest.raises(ValueError, match="must be int64"):
        Matching(torch.tensor([0.0]), torch.tensor([0]), torch.ones(1), (3, 4))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="method must be one of"):
        match_by_cosine(torch.ones(2, 2), torch.ones(2, 2), "greedy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="widths differ: a has 2 columns, b has 3"):
        match_by_cosine(torch.ones(2, 2), torch.ones(2, 3))
    with pytest.raises(ValueError, match="NaN or infinite"):
        match_by_correlation(torch.full((2, 2), torch.nan))
    with pytest.raises(ValueError, match="memory_budget must be positive"):
        match_by_cosine(torch.ones(2, 2), torch.ones(2, 2), memory_budget=0)


@pytest.mark.parametrize(("n_a", "n_b"), [(400, 400), (400, 300), (300, 400)])
@pytest.mark.parametrize("noise", [0.8, 10.0])
def test_assignment_among_candidates_loses_little(n_a: int, n_b: int, noise: float) -> None:
    base = gaussian(0, 400, 64)
    a, b = base[:n_a], (base + noise * gaussian(1, 400, 64)).flip(0)[:n_b]
    a[3] = 0
    exact, fast = (hungarian_pairs(CosineScores(a, b), exact=choice) for choice in (True, False))
    assert len(fast[0].unique()) == len(fast[1].unique()) == len(fast[0])
    assert 3 not in fast[0]
    assert fast[2].sum().item() == pytest.approx(exact[2].sum().item(), rel=1e-3)
    torch.testing.assert_close(fast[2], torch.cosine_similarity(a[fast[0]], b[fast[1]]))


def test_candidates_that_all_want_the_same_partners_are_still_all_paired() -> None:
    a = torch.ones(200, 3, dtype=torch.float64) + 1e-3 * gaussian(0, 200, 3)
    b = torch.cat([a[:40], gaussian(1, 160, 3)])
    index_a, index_b, _ = hungarian_pairs(CosineScores(a, b), exact=False)
    assert len(index_a) == len(index_b.unique()) == 200


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(METHODS))
def test_cosine_scores_do_not_see_scale_order_or_a_common_rotation(seed: int, method: MatchingMethod) -> None:
    a, b = gaussian(seed, 12), gaussian(seed + 1, 9)
    scale = gaussian(seed + 2, 12).abs()[:, :1] + 0.1
    turned = rotation(seed)
    for measure in (mean_max_cosine_similarity, lambda x, y: matched_cosine_similarity(x, y, method)):
        value = measure(a, b)
        torch.testing.assert_close(measure(scale * a, b), value)
        torch.testing.assert_close(measure(a.flip(0), b.roll(2, dims=0)), value)
        torch.testing.assert_close(measure(a @ turned, b @ turned), value)
        assert abs(measure(a @ turned, b) - value) > 1e-6


def test_mean_max_cosine_is_directed_and_counts_dead_rows_as_zero() -> None:
    a = torch.eye(4)
    assert mean_max_cosine_similarity(a[:2], a) == 1
    assert mean_max_cosine_similarity(a, a[:2]) == 0.5
    assert mean_max_cosine_similarity(torch.cat([a, 0 * a]), a) == 0.5
    assert mean_max_cosine_similarity(a, a, memory_budget=1) == 1
    half = mean_max_cosine_similarity(a.half(), a.half())
    assert half.dtype == torch.float32


@pytest.mark.parametrize("method", ["argmax", "mutual"])
def test_a_dead_row_is_no_partner_even_where_live_ones_are_opposite(method: MatchingMethod) -> None:
    matching = match_by_cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0], [-1.0, 0.0]]), method)
    assert matching.index_b.tolist() == [1]
    assert matching.score.tolist() == [-1.0]


class TableScores(Scores):
    """Scores as a user would write them, by the documented contract alone."""

    def __init__(self, table: Tensor) -> None:
        super().__init__(table.any(dim=1), table.any(dim=0), table.dtype)
        self.table = table

    def rows(self, block: slice | Tensor) -> Tensor:
        return self.table[block].clone()


@pytest.mark.parametrize("exact", [True, False])
def test_scores_are_asked_for_slices_and_for_indices(exact: bool) -> None:
    table = gaussian(0, 60, 50)
    table[11] = 0
    index_a, index_b, score = hungarian_pairs(TableScores(table), exact=exact)
    assert torch.equal(table[index_a, index_b], score)
    assert 11 not in index_a
    assert len(score) >= 49
