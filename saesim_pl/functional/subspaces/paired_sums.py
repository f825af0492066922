"""Sums over paired rows that suffice for every measure made of second and fourth moments."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_paired
from saesim_pl.functional.ground.similarity_warning import warn_few_pairs

BLOCK_ROWS = 4096


@dataclass(frozen=True)
class PairedSums:
    """Sums over ``n`` paired rows, in float64.

    ``u`` and ``v`` are rows of ``a`` and ``b`` less their means: sums about the mean keep their digits
    at any distance of the data from zero.

    Attributes:
        n: Number of pairs.
        sum_a: Sum of the rows of ``a``.
        sum_b: Sum of the rows of ``b``.
        aa: Sum of ``u u^T``.
        bb: Sum of ``v v^T``.
        ab: Sum of ``u v^T``.
        third_a: Sums of ``|u|^2 u`` and ``|v|^2 u``.
        third_b: Sums of ``|u|^2 v`` and ``|v|^2 v``.
        fourth: Sums of ``|u|^4``, ``|u|^2 |v|^2`` and ``|v|^4``.
    """

    n: Float[Tensor, ""]
    sum_a: Float[Tensor, " d_a"]
    sum_b: Float[Tensor, " d_b"]
    aa: Float[Tensor, "d_a d_a"]
    bb: Float[Tensor, "d_b d_b"]
    ab: Float[Tensor, "d_a d_b"]
    third_a: Float[Tensor, "2 d_a"]
    third_b: Float[Tensor, "2 d_b"]
    fourth: Float[Tensor, "3"]

    @property
    def means(self) -> tuple[Float[Tensor, " d_a"], Float[Tensor, " d_b"]]:
        """Mean row of ``a`` and of ``b``; zero when there are no rows."""
        n = self.n.clamp(min=1)
        return self.sum_a / n, self.sum_b / n

    def swapped(self) -> "PairedSums":
        """The sums with ``a`` and ``b`` exchanged."""
        return PairedSums(
            self.n, self.sum_b, self.sum_a, self.bb, self.aa, self.ab.T,
            self.third_b.flip(0), self.third_a.flip(0), self.fourth.flip(0),
        )  # fmt: skip

    def to(self, device: torch.device) -> "PairedSums":
        """The sums on another device."""
        return PairedSums(*(getattr(self, field.name).to(device) for field in fields(self)))


def paired_sums(a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"]) -> PairedSums:
    """Sums of paired rows, accumulated in float64 whatever the inputs' dtype.

    Raises:
        ValueError: See :func:`~saesim_pl.functional.check_paired`.
    """
    check_paired(a, b)
    return unchecked_sums(a, b)


def unchecked_sums(a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"]) -> PairedSums:
    """:func:`paired_sums` of rows that were checked before; it never waits for an accelerator."""
    n = a.new_full((), len(a), dtype=torch.float64)
    sum_a, sum_b = a.sum(0, dtype=torch.float64), b.sum(0, dtype=torch.float64)
    blocks = zip(a.split(BLOCK_ROWS), b.split(BLOCK_ROWS), strict=True)
    products = (_block_products(x.double() - sum_a / n, y.double() - sum_b / n) for x, y in blocks)
    return PairedSums(n, sum_a, sum_b, *reduce(_added, products))


def _block_products(u: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    k, l = u.norm(dim=1).square(), v.norm(dim=1).square()  # noqa: E741
    weights = torch.stack([k, l])
    fourth = torch.stack([k @ k, k @ l, l @ l])
    return u.T @ u, v.T @ v, u.T @ v, weights @ u, weights @ v, fourth


def _added(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x + y for x, y in zip(first, second, strict=True))


def joined(first: PairedSums, second: PairedSums) -> PairedSums:
    """Sums over the rows of both."""
    n = first.n + second.n
    means = ((first.sum_a + second.sum_a) / n, (first.sum_b + second.sum_b) / n)
    return added(about(first, *means), about(second, *means))


def added(first: PairedSums, second: PairedSums) -> PairedSums:
    """Plain addition: correct only for sums about the same point."""
    return PairedSums(*(getattr(first, f.name) + getattr(second, f.name) for f in fields(PairedSums)))


def about(sums: PairedSums, point_a: Float[Tensor, " d_a"], point_b: Float[Tensor, " d_b"]) -> PairedSums:
    """The same rows' sums about other points than their means; about zero they are the uncentered ones."""
    mean_a, mean_b = sums.means
    s, t = point_a - mean_a, point_b - mean_b
    return replace(
        sums,
        aa=sums.aa + sums.n * torch.outer(s, s),
        bb=sums.bb + sums.n * torch.outer(t, t),
        ab=sums.ab + sums.n * torch.outer(s, t),
        third_a=_third_about(sums, s, t),
        third_b=_third_about(sums.swapped(), t, s).flip(0),
        fourth=_fourth_about(sums, s, t),
    )


def _third_about(sums: PairedSums, s: Tensor, t: Tensor) -> Tensor:
    """Sums of ``|u - s|^2 (u - s)`` and ``|v - t|^2 (u - s)``, given that ``u`` and ``v`` sum to zero."""
    own = (sums.aa.trace() + sums.n * (s @ s)) * s + 2 * sums.aa @ s
    other = (sums.bb.trace() + sums.n * (t @ t)) * s + 2 * sums.ab @ t
    return sums.third_a - torch.stack([own, other])


def _fourth_about(sums: PairedSums, s: Tensor, t: Tensor) -> Tensor:
    """Sums of ``|u - s|^4``, ``|u - s|^2 |v - t|^2`` and ``|v - t|^4``."""
    ss, tt, k, l = s @ s, t @ t, sums.aa.trace(), sums.bb.trace()  # noqa: E741
    aa = 4 * (s @ sums.aa @ s - sums.third_a[0] @ s) + ss * (2 * k + sums.n * ss)
    bb = 4 * (t @ sums.bb @ t - sums.third_b[1] @ t) + tt * (2 * l + sums.n * tt)
    ab = 4 * (s @ sums.ab @ t) - 2 * (sums.third_b[0] @ t + sums.third_a[1] @ s)
    ab = ab + tt * k + ss * l + sums.n * ss * tt
    return sums.fourth + torch.stack([aa, ab, bb])


def uncentered(sums: PairedSums) -> PairedSums:
    """The sums about zero."""
    return about(sums, torch.zeros_like(sums.sum_a), torch.zeros_like(sums.sum_b))


def settled(sums: PairedSums) -> PairedSums:
    """Sums in which constant columns have exactly zero variance, without rounding errors."""
    eps = 16 * torch.finfo(sums.aa.dtype).eps
    mean_a, mean_b = sums.means
    alive_a = sums.aa.diagonal() > sums.n * (eps * mean_a).square()
    alive_b = sums.bb.diagonal() > sums.n * (eps * mean_b).square()
    if alive_a.all() and alive_b.all():
        return sums
    return replace(
        sums,
        aa=sums.aa * torch.outer(alive_a, alive_a),
        bb=sums.bb * torch.outer(alive_b, alive_b),
        ab=sums.ab * torch.outer(alive_a, alive_b),
    )


def from_rows(
    formula: Callable[..., Tensor], a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"], **options: Any
) -> Float[Tensor, ""]:
    """``formula`` of the sums of ``a`` and ``b``, in the inputs' precision (float32 at least)."""
    return formula(paired_sums(a, b), **options).to(torch.promote_types(a.dtype, torch.float32))


def checked(sums: PairedSums) -> PairedSums:
    """:func:`settled` sums; refuses sums without rows and warns of few rows.

    Raises:
        ValueError: There are no rows, or one of them held NaN or an infinity.
    """
    n_rows = int(sums.n)
    if n_rows == 0:
        raise ValueError("no rows to compare: n is 0")
    for name, total in (("a", sums.sum_a), ("b", sums.sum_b)):
        if not total.isfinite().all():
            raise ValueError(f"rows of {name} held entries that are NaN or infinite")
    warn_few_pairs(n_rows)
    return settled(sums)
