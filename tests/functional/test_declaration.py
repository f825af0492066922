"""The facts that measures declare are true: ranges, directions, fewest rows, scores of rows, matchings."""

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor

from saesim_pl import functional as f
from saesim_pl.functional.ground.declaration import (
    Declaration,
    declaration_of,
    declarations,
)
from saesim_pl.functional.invariances import Invariance, invariances

every_declaration = pytest.mark.parametrize("declaration", declarations(), ids=lambda each: each.name)
every_choice = pytest.mark.parametrize("shown", invariances(), ids=lambda each: each.name)
MATCHED = [each for each in declarations() if each.matching]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@every_choice
def test_a_copy_scores_best(shown: Invariance) -> None:
    a = normal(40, 4)
    value = shown.measure(a, a.clone(), **shown.options).item()
    assert value == pytest.approx(shown.declaration.best(shown.options), abs=1e-6)


@every_choice
@pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")
def test_values_lie_within_the_bounds(shown: Invariance) -> None:
    low, high = shown.declaration.bounds(shown.options)
    one_direction = torch.ones(40, 1, dtype=torch.float64) * torch.tensor([9.0, 0, 0, 0])
    sides = [normal(40, 4), -normal(40, 4), normal(40, 4, seed=1) + 5, torch.zeros(40, 4).double()]
    sides += [one_direction, -one_direction, one_direction * torch.arange(40.0)[:, None]]
    for a in sides:
        for b in sides:
            value = shown.measure(a, b, **shown.options).item()
            assert low is None or value >= low - 1e-9
            assert high is None or value <= high + 1e-9


def test_singular_values_of_one_sum_are_nearer_than_1() -> None:
    """The farthest: one direction holds all of one side, the other side has equal values in all."""
    one, many = torch.zeros(50, 50).double(), torch.eye(50).double()
    one[0, 0] = 1
    assert f.singular_value_distance(one, many).item() == pytest.approx((1 - 1 / 50) ** 0.5)
    assert f.singular_value_distance(one, 0 * many).item() == 1
    assert declaration_of(f.singular_value_distance).bounds({}) == (0.0, 1.0)


@every_declaration
def test_swapping_the_sides_matters_where_declared(declaration: Declaration) -> None:
    moved = []
    for seed in range(5):
        a, b = normal(40, 4, seed=seed), normal(40, 4, seed=seed) + 0.8 * normal(40, 4, seed=seed + 9) + 1
        difference = declaration.measure(a, b) - declaration.measure(b, a)
        moved.append(abs(difference.item()) > 1e-9)
    assert any(moved) is declaration.directed


@pytest.mark.parametrize(
    ("measure", "options", "fewest"),
    [
        (f.jaccard_similarity, {}, 26),
        (f.mutual_knn, {"k": 3}, 9),
        (f.rank_similarity, {"k": 4, "max_chance": 1.0}, 5),
        (f.joint_rank_jaccard, {"k": 7, "max_chance": 0.1}, 40),
        (f.second_order_cosine_similarity, {"k": 1, "max_chance": 0.01}, 52),
        (f.representational_similarity, {}, 3),
        (f.linear_cka, {"estimator": "debiased"}, 4),
    ],
)
@pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")
def test_one_row_fewer_is_refused(measure: Any, options: dict[str, Any], fewest: int) -> None:
    assert declaration_of(measure).min_rows(options) == fewest
    a, b = normal(fewest, 4), normal(fewest, 4, seed=1)
    assert measure(a, b, **options).isfinite()
    with pytest.raises(ValueError, match=r"rows|max_chance"):
        measure(a[1:], b[1:], **options)


@every_declaration
@pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")
def test_the_fewest_rows_have_a_value(declaration: Declaration) -> None:
    n = declaration.min_rows({})
    assert declaration.measure(normal(n, 4), normal(n, 4, seed=1)).isfinite()


@every_choice
@pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")
def test_scores_of_rows_have_the_value_as_their_mean(shown: Invariance) -> None:
    if shown.declaration.per_feature is None:
        return
    a, b = normal(45, 4), normal(45, 4) + normal(45, 4, seed=1)
    a[3] = 0
    for left, right in [(a, b), (b, a)] + ([(a[:30], b), (a, b[:30])] if shown.declaration.one_space else []):
        scores = shown.declaration.per_feature(left, right, **shown.options)
        value = shown.measure(left, right, **shown.options)
        assert scores.ndim == 1
        assert scores.mean().item() == pytest.approx(value.item(), rel=1e-6)


def test_measures_that_average_over_features_say_so() -> None:
    found = {each.name for each in declarations() if each.per_feature}
    assert found == {
        "fraction_recovered", "fraction_shared", "jaccard_similarity", "joint_rank_jaccard",
        "matched_cosine_similarity", "mcc", "mean_max_cosine_similarity", "mutual_knn", "rank_similarity",
        "second_order_cosine_similarity",
    }  # fmt: skip


def sides_to_match() -> tuple[Tensor, Tensor]:
    """Related rows of two numbers, a zero row each, and a row of a that points away from all of b."""
    b = normal(25, 6).abs()
    a = torch.cat([b[:15] + 0.5 * normal(15, 6, seed=1), -b[:1], normal(20, 6, seed=2)])
    a[4], b[5] = 0, 0
    return a, b


@pytest.mark.parametrize("declaration", MATCHED, ids=lambda each: each.name)
def test_a_given_matching_saves_the_search_and_changes_nothing(
    declaration: Declaration, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = sides_to_match()
    rows_a, rows_b = (side.chunk(2, dim=1)[1] if declaration.encoder else side for side in (a, b))
    options: dict[str, Any] = {"threshold": 0.5} if "fraction" in declaration.name else {}
    methods = ("argmax",) if declaration.matching == "argmax" else ("argmax", "mutual", "hungarian")
    module = inspect.getmodule(declaration.measure)
    for method in methods:
        chosen = options | ({} if declaration.matching == "argmax" else {"method": method})
        for left, right, first, second in ((a, b, rows_a, rows_b), (b, a, rows_b, rows_a)):
            expected = declaration.measure(left, right, **chosen)
            matching = f.match_by_cosine(first, second, method)
            with monkeypatch.context() as patch:
                for search in ("match_by_cosine", "highest_scores"):
                    patch.setattr(module, search, None, raising=False)
                given = declaration.measure(left, right, **options, matching=matching)
            assert given.dtype == expected.dtype
            assert given.item() == pytest.approx(expected.item(), abs=1e-12), method


@pytest.mark.parametrize("declaration", MATCHED, ids=lambda each: each.name)
def test_a_matching_of_other_sides_is_refused(declaration: Declaration) -> None:
    a, b = sides_to_match()
    matching = f.match_by_cosine(a, b)
    with pytest.raises(ValueError, match="the matching is of 36 and 25 rows, the sides have 36 and 24"):
        declaration.measure(a, b[1:], matching=matching)


def test_pairs_found_by_correlation_are_scored_by_cosine() -> None:
    """A matching's own score is not a cosine: two of three pairs sought, with cosines 1 and 0."""
    eye = torch.eye(3)
    correlation = torch.tensor([[0.9, 0.0, 0.0], [0.0, 0.0, 0.7], [0.0, 0.0, 0.0]])
    matching = f.match_by_correlation(correlation, "hungarian")
    assert f.matched_cosine_similarity(eye, eye, matching=matching).item() == pytest.approx(1 / 3)
    kept = f.match_by_correlation(correlation, "hungarian", min_score=0.8)
    assert f.matched_cosine_similarity(eye, eye, matching=kept).item() == pytest.approx(1)


def test_no_share_exceeds_1() -> None:
    """Four latents that all choose the one row of b: four pairs, which are not four of one row."""
    rows = torch.ones(4, 6)
    assert f.fraction_shared(rows, rows[:1], method="argmax").item() == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_shares_are_not_rounded_to_the_precision_of_rows(dtype: torch.dtype) -> None:
    """998 of 1001 rows; half precision would make that 1."""
    one = torch.zeros(1, 2, dtype=dtype)
    one[0, 0] = 1
    rows = one.repeat(1001, 1)
    rows[:3] = rows[:3].flip(1)
    assert f.fraction_recovered(rows, one).item() == pytest.approx(998 / 1001)
    assert f.fraction_shared(rows.repeat(1, 2), one.repeat(1001, 2)).item() == pytest.approx(998 / 1001)
    # As many rows as half precision cannot count.
    assert f.uniqueness(one.repeat(66_000, 1), one).item() == pytest.approx(1 / 66_000)
    assert f.fraction_recovered(one.repeat(66_000, 1), one).item() == 1


def test_undeclared_functions_and_unknown_options_are_refused() -> None:
    def spread(a: Tensor, b: Tensor) -> Tensor:
        return a.std() - b.std()

    with pytest.raises(ValueError, match="spread is no declared measure; pass the function itself, options"):
        declaration_of(spread)
    with pytest.raises(ValueError, match="linear_cka has no option 'kernel'; its options: estimator, form"):
        declaration_of(f.linear_cka).bounds({"kernel": "rbf"})
    with pytest.raises(ValueError, match="max_chance must be positive, got 0"):
        declaration_of(f.mutual_knn).min_rows({"max_chance": 0})
