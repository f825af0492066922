"""Procrustes distance with columns that may only be reordered (Williams et al. 2021)."""

import math
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.procrustes_distance import FORMS, distance_from_products
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.pairing.assignment import best_assignment
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows, uncentered


@declared(
    needs="pairs",
    higher_is_better=False,
    bounds=lambda options: (
        0.0,
        {"normalized": 2.0, "angular": math.pi, "disparity": 1.0}.get(options["form"]),
    ),
    blind=(
        Blind("column_permutation"),
        Blind("isotropic_scale", when=lambda options, side: options["form"] != "distance"),
        Blind("translation", when=lambda options, side: options["center"]),
    ),
    shown=({}, {"form": "distance"}),
)
def permutation_procrustes_distance(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    form: Literal["distance", "normalized", "angular", "disparity"] = "normalized",
    center: bool = True,
) -> Float[Tensor, ""]:
    """Distance between the sides after the best one-to-one matching of their columns.

    The narrower side is padded with zero columns. Never below
    :func:`~saesim_pl.functional.procrustes_distance`, which independent data exceeds by a wide margin.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        form: As in :func:`~saesim_pl.functional.procrustes_distance`, with ``s`` the sum of the matched
            entries of ``a^T b`` over the two Frobenius norms.
        center: Subtract the mean row first.

    Returns:
        Distance, 0 for a copy with its columns reordered: in [0, inf), [0, 2], [0, pi] or [0, 1] by ``form``.

    Raises:
        ValueError: The rows cannot be paired, or ``form`` is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import permutation_procrustes_distance
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(permutation_procrustes_distance(a, b).item(), 3)
        0.748
    """
    return from_rows(permutation_procrustes_distance_from_sums, a, b, form=form, center=center)


def permutation_procrustes_distance_from_sums(
    sums: PairedSums, form: str = "normalized", center: bool = True
) -> Float[Tensor, ""]:
    """See :func:`permutation_procrustes_distance`."""
    check_option("form", form, FORMS)
    sums = checked(sums)
    sums = sums if center else uncentered(sums)
    product = sums.ab[best_assignment(sums.ab)].sum()
    return distance_from_products(sums.aa.trace(), sums.bb.trace(), product, form)
