"""Difference of how closely two sides' rows gather around their mean (Wang et al. 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_matrix, unit_rows


@declared(
    needs="sides",
    higher_is_better=False,
    bounds=(0.0, 2.0),
    blind=(Blind("orthogonal column_permutation isotropic_scale"),),
)
def concentricity_difference(a: Float[Tensor, "n_a d_a"], b: Float[Tensor, "n_b d_b"]) -> Float[Tensor, ""]:
    """Absolute difference of the mean cosines of rows with their mean row; the pairing does not matter.

    Args:
        a: Rows.
        b: Rows.

    Returns:
        Distance in [0, 2]; near 0 for independent data of one distribution.

    Raises:
        ValueError: An input is not a matrix.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import concentricity_difference
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(concentricity_difference(a, b).item(), 3)
        0.089
    """
    check_matrix("a", a)
    check_matrix("b", b)
    return (_concentricity(a) - _concentricity(b)).abs().to(torch.promote_types(a.dtype, torch.float32))


def _concentricity(rows: Tensor) -> Tensor:
    rows = rows.double()
    return (unit_rows(rows) @ unit_rows(rows.mean(0, keepdim=True)).T).mean()
