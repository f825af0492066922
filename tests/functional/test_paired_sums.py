"""Sums of paired rows: joined, moved and freed of rounding noise as if computed at once."""

from dataclasses import fields

import pytest
import torch
from torch import Tensor

from saesim_pl.functional.subspaces.paired_sums import PairedSums, about, joined, paired_sums, settled


def _rows(n: int, offset: float, seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return (
        torch.randn(n, 4, generator=g, dtype=torch.float64) + offset,
        torch.randn(n, 3, generator=g, dtype=torch.float64) * 2 - offset,
    )


def _plain(a: Tensor, b: Tensor, point_a: Tensor, point_b: Tensor) -> PairedSums:
    u, v = a - point_a, b - point_b
    k, l = u.square().sum(1), v.square().sum(1)  # noqa: E741
    return PairedSums(
        torch.tensor(float(len(a)), dtype=torch.float64), a.sum(0), b.sum(0), u.T @ u, v.T @ v, u.T @ v,
        torch.stack([(k[:, None] * u).sum(0), (l[:, None] * u).sum(0)]),
        torch.stack([(k[:, None] * v).sum(0), (l[:, None] * v).sum(0)]),
        torch.stack([(k * k).sum(), (k * l).sum(), (l * l).sum()]),
    )  # fmt: skip


def _assert_equal(seen: PairedSums, expected: PairedSums) -> None:
    for field in fields(PairedSums):
        torch.testing.assert_close(
            getattr(seen, field.name), getattr(expected, field.name), rtol=1e-11, atol=1e-8
        )


def test_sums_about_any_point_match_their_definition() -> None:
    a, b = _rows(30, 0.7, 0)
    _assert_equal(paired_sums(a, b), _plain(a, b, a.mean(0), b.mean(0)))
    point_a, point_b = torch.full((4,), -1.5).double(), torch.tensor([2.0, 0.0, 1.0]).double()
    _assert_equal(about(paired_sums(a, b), point_a, point_b), _plain(a, b, point_a, point_b))


def test_joining_equals_summing_at_once() -> None:
    first, second = _rows(30, 0.0, 1), _rows(11, 50.0, 2)
    together = [torch.cat(sides) for sides in zip(first, second, strict=True)]
    _assert_equal(joined(paired_sums(*first), paired_sums(*second)), paired_sums(*together))


def test_swapping_swaps_every_sum() -> None:
    a, b = _rows(20, 0.3, 3)
    _assert_equal(paired_sums(a, b).swapped(), paired_sums(b, a))


def test_many_blocks_of_rows_equal_one(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = _rows(50, 1e3, 4)
    whole = paired_sums(a, b)
    monkeypatch.setattr("saesim_pl.functional.subspaces.paired_sums.BLOCK_ROWS", 7)
    _assert_equal(paired_sums(a, b), whole)


def test_constant_columns_have_exactly_no_variance() -> None:
    a, b = _rows(33, 0.0, 5)
    a[:, 1] = 0.1
    joint = joined(paired_sums(a[:10], b[:10]), paired_sums(a[10:], b[10:]))
    sums = settled(joint)
    assert not sums.aa[1].any()
    assert not sums.ab[1].any()
    assert sums.aa.diagonal()[[0, 2, 3]].all()


def test_half_precision_is_summed_in_float64() -> None:
    a, b = _rows(20, 0.0, 6)
    sums = paired_sums(a.bfloat16(), b.bfloat16())
    assert sums.aa.dtype == torch.float64
    _assert_equal(sums, paired_sums(a.bfloat16().double(), b.bfloat16().double()))
