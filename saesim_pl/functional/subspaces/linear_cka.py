"""Centered kernel alignment with a linear kernel (Kornblith et al. 2019)."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.halves import Halves, centered
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows

ESTIMATORS = ("biased", "debiased")
FORMS = ("similarity", "angle")


@declared(
    needs="pairs",
    higher_is_better=lambda options: options["form"] == "similarity",
    bounds=lambda options: _bounds(options["estimator"], options["form"]),
    min_rows=lambda options: 4 if options["estimator"] == "debiased" else 2,
    blind=(Blind("orthogonal column_permutation isotropic_scale translation"),),
    shown=({}, {"estimator": "debiased"}),
    halves=lambda n_rows, **options: linear_cka_halves(**options),
)
def linear_cka(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    estimator: Literal["biased", "debiased"] = "biased",
    form: Literal["similarity", "angle"] = "similarity",
) -> Float[Tensor, ""]:
    """Similarity of the two sides' matrices of inner products between centered rows.

    Independent data scores about ``d / n`` when biased, 0 on average when debiased.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        estimator: ``biased``, or ``debiased``: the ratio of unbiased HSIC estimates (Song et al. 2007),
            which needs at least 4 rows.
        form: ``similarity``, or its arccos, a metric ``angle`` (Williams et al. 2021).

    Returns:
        Similarity in [0, 1], debiased in [-1, 1]; or radians, in [0, pi / 2] and [0, pi]. Without variance
        on either side the similarity is 0.

    Raises:
        ValueError: The rows cannot be paired or are too few, or an option is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import linear_cka
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(linear_cka(a, b).item(), 3)
        0.534
    """
    return from_rows(linear_cka_from_sums, a, b, estimator=estimator, form=form)


def _bounds(estimator: str, form: str) -> tuple[float, float]:
    low, high = (-1.0, 1.0) if estimator == "debiased" else (0.0, 1.0)
    return (low, high) if form == "similarity" else (math.acos(high), math.acos(low))


def linear_cka_from_sums(
    sums: PairedSums, estimator: str = "biased", form: str = "similarity"
) -> Float[Tensor, ""]:
    """See :func:`linear_cka`."""
    check_option("estimator", estimator, ESTIMATORS)
    check_option("form", form, FORMS)
    sums = checked(sums)
    aa, ab, bb = (product.square().sum() for product in (sums.aa, sums.ab, sums.bb))
    if estimator == "debiased":
        trace_a, trace_b = sums.aa.trace(), sums.bb.trace()
        traces = (trace_a * trace_a, trace_a * trace_b, trace_b * trace_b)
        terms = zip((aa, ab, bb), sums.fourth, traces, strict=True)
        aa, ab, bb = (unbiased_hsic(*three, sums.n) for three in terms)
    return aligned(aa, ab, bb, form)


def unbiased_hsic(square: Tensor, fourth: Tensor, traces: Tensor, n: Tensor) -> Float[Tensor, ""]:
    """HSIC of two linear kernels without their diagonals, times ``n (n - 3)``; all sums about the mean.

    With centered rows ``u, v`` every sum over the kernels' entries reduces to three: ``square`` is
    ``||sum u v^T||_F^2``, ``fourth`` is ``sum |u|^2 |v|^2``, ``traces`` is ``sum |u|^2 sum |v|^2``.
    """
    if n < 4:
        raise ValueError(f"the debiased estimator needs at least 4 rows, got {int(n)}")
    return square - fourth * n / (n - 2) + traces / ((n - 1) * (n - 2))


def aligned(aa: Tensor, ab: Tensor, bb: Tensor, form: str = "similarity") -> Float[Tensor, ""]:
    """``ab / sqrt(aa bb)``, 0 where a side has nothing to align, or the angle of that cosine."""
    scale = aa.clamp(min=0).sqrt() * bb.clamp(min=0).sqrt()
    cosine = torch.where(scale > 0, ab / scale.where(scale > 0, 1.0), 0.0).clamp(-1, 1)
    return cosine.arccos() if form == "angle" else cosine


def linear_cka_halves(estimator: str = "biased", form: str = "similarity") -> Halves:
    """:func:`linear_cka` in its two halves: rows scaled to a self-alignment of 1, and their alignment."""
    check_option("estimator", estimator, ESTIMATORS)
    check_option("form", form, FORMS)
    debiased = estimator == "debiased"

    def prepare(rows: Tensor) -> Tensor:
        u = centered(rows)
        unscaled = _with_squared_norm(u)
        own = _alignment(unscaled, unscaled, debiased)
        return _with_squared_norm(u / own.where(own > 0, 1.0).sqrt().sqrt()).to(rows.dtype)

    def compare(a: Tensor, b: Tensor) -> Tensor:
        cosine = _alignment(a, b, debiased).clamp(-1, 1)
        return cosine.arccos() if form == "angle" else cosine

    return Halves(prepare, compare)


def _with_squared_norm(u: Tensor) -> Tensor:
    return torch.cat([u, u.square().sum(1, keepdim=True)], dim=1)


def _alignment(a: Tensor, b: Tensor, debiased: bool) -> Tensor:
    square = (a[:, :-1].T @ b[:, :-1]).square().sum()
    if not debiased:
        return square
    k, l = a[:, -1], b[:, -1]  # noqa: E741
    return unbiased_hsic(square, k @ l, k.sum() * l.sum(), k.new_tensor(float(len(k))))
