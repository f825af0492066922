"""p-values over many rows."""

import pytest
import torch
from scipy.stats import false_discovery_control

from saesim_pl.comparison import ComparisonRow, Measure
from saesim_pl.comparison.statistics import Scored, maximum_p, rows_with_statistics
from saesim_pl.metrics import LinearCKA, ProcrustesDistance

SIMILARITY, DISTANCE = Measure("cka", LinearCKA()), Measure("procrustes", ProcrustesDistance())


def scored(value: float, draws, measure=SIMILARITY, **row) -> Scored:
    fields = {
        "epoch": None,
        "pair": "a~b",
        "subset": "all",
        "pairing": "",
        "measure": measure.name,
        "null": "N",
    }
    draws = torch.as_tensor(draws, dtype=torch.float64)
    return Scored(ComparisonRow(value=value, **fields | row), measure, draws, value)


def test_mean_spread_z_p_and_effect_by_hand() -> None:
    [row] = rows_with_statistics([scored(0.7, [0.1, 0.2, 0.3])])
    assert (row.null_mean, row.null_std) == pytest.approx((0.2, 0.1))
    assert (row.z, row.p_value, row.effect) == pytest.approx((5, 0.25, 0.5 / 0.8))
    [row] = rows_with_statistics([scored(0.7, [0.9, 1.0, 0.6], DISTANCE)])
    assert row.p_value == 0.5
    assert row.effect == pytest.approx((0.7 - 2.5 / 3) / (0 - 2.5 / 3))


def test_ties_count_as_reached() -> None:
    [row] = rows_with_statistics([scored(0.3, [0.3, 0.1, 0.2])])
    assert row.p_value == 0.5


def test_adjusted_p_is_benjamini_and_hochberg_over_all_rows() -> None:
    draws = torch.linspace(0, 0.5, 19)
    values = [0.6, 0.45, 0.3, 0.1]
    rows = rows_with_statistics([scored(v, draws, pair=f"a~{i}") for i, v in enumerate(values)])
    expected = false_discovery_control([row.p_value for row in rows])
    assert [row.p_adjusted for row in rows] == pytest.approx(expected.tolist())


def test_a_family_is_judged_by_the_maximum_of_its_draws() -> None:
    g = torch.Generator().manual_seed(0)
    draws = torch.randn(50, 99, generator=g).double()
    family = [
        scored(float(v), d, pair=f"a~{i}")
        for i, (v, d) in enumerate(zip(torch.randn(50, generator=g), draws, strict=True))
    ]
    found = maximum_p(family)
    best = max(range(50), key=lambda i: family[i].observed)
    assert found[best] > 5 * rows_with_statistics(family)[best].p_value
    # By hand, for one scale: the share of draws whose maximum reaches the score.
    both = torch.cat([torch.tensor([[one.observed] for one in family]).double(), draws], 1)
    z = (both - both.mean(1, keepdim=True)) / both.std(1, keepdim=True, correction=0)
    expected = [(int((z[:, 1:].amax(0) >= z[i, 0]).sum()) + 1) / 100 for i in range(50)]
    assert found == pytest.approx(expected)


def test_rows_alone_or_of_another_null_have_no_family() -> None:
    draws = torch.rand(9)
    rows = rows_with_statistics([scored(0.5, draws), scored(0.5, draws, pair="a~c", null="M")])
    assert [row.p_family for row in rows] == [None, None]
    rows = rows_with_statistics([scored(0.5, draws), scored(0.5, draws, pair="a~c")])
    assert None not in [row.p_family for row in rows]
    rows = rows_with_statistics([scored(0.5, draws), scored(0.5, draws, subset="x")])
    assert [row.p_family for row in rows] == [None, None]
    rows = rows_with_statistics([scored(0.5, draws), scored(0.5, draws, subset="x")], family=["subset"])
    assert None not in [row.p_family for row in rows]


def test_draws_with_too_few_pairs_are_left_out_and_counted() -> None:
    nan = float("nan")
    [row] = rows_with_statistics([scored(0.5, [0.1, nan, 0.2, 0.7])])
    assert (row.p_value, row.notes) == (0.5, "1 of 4 draws had too few pairs")
    [row] = rows_with_statistics([scored(0.5, [0.1, nan, nan])])
    assert (row.p_value, row.null_mean, row.z) == (None, 0.1, None)
