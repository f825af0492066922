"""Projection-weighted canonical correlation analysis (Morcos et al. 2018)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.ground.similarity_warning import warn_saturated
from saesim_pl.functional.ground.spectrum import whitening
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows

SIDES = ("a", "b")


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    directed=True,
    blind=(
        Blind("column_permutation isotropic_scale translation"),
        Blind("orthogonal invertible_linear", when=lambda options, side: side != options["weights_from"]),
    ),
)
def pwcca(
    a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"], weights_from: Literal["a", "b"] = "a"
) -> Float[Tensor, ""]:
    """Mean canonical correlation, weighted by how much of one side's columns each direction carries.

    The weight of a canonical direction is the sum of its absolute inner products with the centered
    columns of the side ``weights_from``, so rotating that side changes the value and rotating the other
    does not. Independent data scores as in :func:`~saesim_pl.functional.mean_cca`. The authors' released
    code weighs differently, without centering; this follows the paper.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        weights_from: The side whose columns weigh.

    Returns:
        Similarity in [0, 1].

    Raises:
        ValueError: The rows cannot be paired, or ``weights_from`` is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import pwcca
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(pwcca(a, b).item(), 3)
        0.74
    """
    return from_rows(pwcca_from_sums, a, b, weights_from=weights_from)


def pwcca_from_sums(sums: PairedSums, weights_from: str = "a") -> Float[Tensor, ""]:
    """See :func:`pwcca`."""
    check_option("weights_from", weights_from, SIDES)
    sums = checked(sums if weights_from == "a" else sums.swapped())
    warn_saturated("PWCCA", int(sums.n), max(sums.ab.shape))
    basis = whitening(sums.aa)
    directions, correlations, _ = torch.linalg.svd(
        basis.T @ sums.ab @ whitening(sums.bb), full_matrices=False
    )
    weights = (directions.T @ (basis.T @ sums.aa)).abs().sum(1)
    total = weights.sum()
    return (weights * correlations.clamp(max=1)).sum() / total.where(total > 0, 1.0)
