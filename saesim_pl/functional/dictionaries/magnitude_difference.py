"""Difference of the two mean rows' lengths (Wang et al. 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_matrix
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked


@declared(
    needs="sides", higher_is_better=False, bounds=(0.0, None), blind=(Blind("orthogonal column_permutation"),)
)
def magnitude_difference(a: Float[Tensor, "n_a d_a"], b: Float[Tensor, "n_b d_b"]) -> Float[Tensor, ""]:
    """Absolute difference of the norms of the mean rows; the pairing does not matter.

    Args:
        a: Rows.
        b: Rows.

    Returns:
        Distance in [0, inf); near 0 for independent data of one mean.

    Raises:
        ValueError: An input is not a matrix.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import magnitude_difference
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(magnitude_difference(a, b).item(), 3)
        0.208
    """
    check_matrix("a", a)
    check_matrix("b", b)
    difference = a.double().mean(0).norm() - b.double().mean(0).norm()
    return difference.abs().to(torch.promote_types(a.dtype, torch.float32))


def magnitude_difference_from_sums(sums: PairedSums) -> Float[Tensor, ""]:
    """See :func:`magnitude_difference`."""
    mean_a, mean_b = checked(sums).means
    return (mean_a.norm() - mean_b.norm()).abs()
