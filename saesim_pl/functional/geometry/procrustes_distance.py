"""Orthogonal Procrustes distances and generalized shape metrics (Williams et al. 2021)."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.ground.spectrum import spectrum
from saesim_pl.functional.halves import Halves, centered
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows, uncentered

FORMS = ("distance", "normalized", "angular", "disparity")


@declared(
    needs="pairs",
    higher_is_better=False,
    bounds=lambda options: (
        0.0,
        {"normalized": math.sqrt(2), "angular": math.pi / 2, "disparity": 1.0}.get(options["form"]),
    ),
    blind=(
        Blind("orthogonal column_permutation"),
        Blind("translation", when=lambda options, side: options["center"]),
        Blind(
            "isotropic_scale",
            when=lambda options, side: options["alpha"] == 1 and options["form"] != "distance",
        ),
        Blind("isotropic_scale invertible_linear", when=lambda options, side: options["alpha"] == 0),
    ),
    shown=(
        {},
        {"form": "distance"},
        {"form": "angular", "center": False},
        {"form": "angular", "alpha": 0.0},
        {"alpha": 0.5},
    ),
    halves=lambda n_rows, **options: procrustes_distance_halves(**options),
)
def procrustes_distance(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    form: Literal["distance", "normalized", "angular", "disparity"] = "normalized",
    center: bool = True,
    alpha: float = 1.0,
) -> Float[Tensor, ""]:
    """Distance between the sides after the best rotation (or reflection) of one onto the other.

    The narrower side is padded with zero columns. With ``s`` the sum of the singular values of
    ``a^T b`` over the two Frobenius norms, independent data has ``s`` near ``sqrt(d / n)``.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        form: Frobenius ``distance``; the same for sides ``normalized`` to Frobenius norm 1,
            ``sqrt(2 - 2 s)``; ``angular``, ``arccos(s)``; ``disparity``, ``1 - s^2``.
        center: Subtract the mean row first; otherwise an offset counts as a difference.
        alpha: 1 for rotations only, 0 for any linear map (whitening first), a blend between.

    Returns:
        Distance, 0 for a rotated copy: in [0, inf), [0, sqrt 2], [0, pi / 2] or [0, 1] by ``form``.

    Raises:
        ValueError: The rows cannot be paired, ``form`` is unknown, or ``alpha`` lies outside [0, 1].

    Example:
        >>> import torch
        >>> from saesim_pl.functional import procrustes_distance
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(procrustes_distance(a, b).item(), 3)
        0.734
    """
    return from_rows(procrustes_distance_from_sums, a, b, form=form, center=center, alpha=alpha)


def procrustes_distance_halves(
    form: str = "normalized", center: bool = True, alpha: float = 1.0
) -> Halves | None:
    """:func:`procrustes_distance` in its two halves: the rows of each side, and their best alignment."""
    check_option("form", form, FORMS)
    check_alpha(alpha)
    if alpha < 1:
        return None

    def prepare(rows: Tensor) -> Tensor:
        u = centered(rows) if center else rows.double()
        return u.to(torch.promote_types(rows.dtype, torch.float32))

    def compare(a: Tensor, b: Tensor) -> Tensor:
        # The nuclear norm from eigenvalues: half the time of singular values, exact enough in float64.
        cross = (a.T @ b).double()
        gram = cross.T @ cross if cross.shape[0] >= cross.shape[1] else cross @ cross.T
        product = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().sum()
        return distance_from_products(a.double().square().sum(), b.double().square().sum(), product, form)

    return Halves(prepare, compare)


def procrustes_distance_from_sums(
    sums: PairedSums, form: str = "normalized", center: bool = True, alpha: float = 1.0
) -> Float[Tensor, ""]:
    """See :func:`procrustes_distance`."""
    check_option("form", form, FORMS)
    check_alpha(alpha)
    sums = checked(sums)
    sums = sums if center else uncentered(sums)
    square_a, square_b, cross = sums.aa.trace(), sums.bb.trace(), sums.ab
    if alpha < 1:
        whiten_a, square_a = _partial_whitening(sums.aa, alpha)
        whiten_b, square_b = _partial_whitening(sums.bb, alpha)
        cross = whiten_a @ cross @ whiten_b
    return distance_from_products(square_a, square_b, torch.linalg.svdvals(cross).sum(), form)


def check_alpha(alpha: float) -> None:
    """Refuse a blend outside [0, 1], with ``ValueError``."""
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in [0, 1], got {alpha}")


def distance_from_products(
    square_a: Tensor, square_b: Tensor, product: Tensor, form: str
) -> Float[Tensor, ""]:
    """Distance of two sides with these squared norms, aligned up to this inner product.

    A side of norm 0 has cosine 0 with every side.
    """
    if form == "distance":
        return (square_a + square_b - 2 * product).clamp(min=0).sqrt()
    scale = square_a.sqrt() * square_b.sqrt()
    cosine = torch.where(scale > 0, product / scale.where(scale > 0, 1.0), 0.0).clamp(-1, 1)
    if form == "normalized":
        return (2 - 2 * cosine).sqrt()
    return cosine.arccos() if form == "angular" else 1 - cosine.square()


def _partial_whitening(scatter: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """The symmetric map that blends identity and whitening, and the squared norm it leaves."""
    variances, directions = spectrum(scatter)
    gains = alpha + (1 - alpha) / variances.sqrt()
    return (directions * gains) @ directions.T, (variances * gains.square()).sum()
