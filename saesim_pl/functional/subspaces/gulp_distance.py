"""GULP: how differently two sides can be used by ridge regression (Boix-Adsera et al. 2022)."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.similarity_warning import warn_saturated
from saesim_pl.functional.ground.spectrum import spectrum, whitening
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows


@declared(
    needs="pairs",
    higher_is_better=False,
    bounds=(0.0, None),
    blind=(
        Blind("orthogonal column_permutation isotropic_scale translation"),
        Blind("invertible_linear", when=lambda options, side: options["regularization"] == 0),
    ),
    shown=({}, {"regularization": 0.1}),
)
def gulp_distance(
    a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"], regularization: float = 0.0
) -> Float[Tensor, ""]:
    """Squared GULP distance: the mean squared gap between ridge predictions over all targets.

    Sides are centered and scaled to squared Frobenius norm n first. With ``regularization`` 0 it is
    ``rank_a + rank_b - 2 sum rho^2`` over the canonical correlations, which for independent data is
    near ``d_a + d_b``.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        regularization: Ridge penalty, 0 or more, in units of a side's total variance.

    Returns:
        Squared distance in [0, d_a + d_b]; 0 when every ridge prediction agrees.

    Raises:
        ValueError: The rows cannot be paired, or ``regularization`` is negative.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import gulp_distance
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(gulp_distance(a, b).item(), 3)
        2.723
    """
    return from_rows(gulp_distance_from_sums, a, b, regularization=regularization)


def gulp_distance_from_sums(sums: PairedSums, regularization: float = 0.0) -> Float[Tensor, ""]:
    """See :func:`gulp_distance`."""
    check_regularization(regularization)
    sums = checked(sums)
    if regularization == 0:
        warn_saturated("GULP without regularization", int(sums.n), max(sums.ab.shape))
    basis_a, own_a = _ridge_basis(sums.aa, regularization)
    basis_b, own_b = _ridge_basis(sums.bb, regularization)
    return (own_a + own_b - 2 * (basis_a.T @ sums.ab @ basis_b).square().sum()).clamp(min=0)


def check_regularization(regularization: float) -> None:
    """Refuse a negative penalty, with ``ValueError``."""
    if not regularization >= 0:
        raise ValueError(f"regularization must be 0 or more, got {regularization}")


def _ridge_basis(scatter: Tensor, regularization: float) -> tuple[Tensor, Tensor]:
    """``B`` with ``B B^T = (S + lambda tr S)^-1`` of the scatter ``S``, and ``tr[(S B B^T)^2]``."""
    if regularization == 0:
        basis = whitening(scatter)
        return basis, scatter.new_tensor(float(basis.shape[1]))
    variances, directions = spectrum(scatter)
    damped = variances + regularization * variances.sum()
    return directions / damped.sqrt(), (variances / damped).square().sum()
