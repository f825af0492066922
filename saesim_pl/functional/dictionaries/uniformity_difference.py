"""Difference of how evenly two sides' rows are spread (Wang and Isola 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.dissimilarities import comparable_rows, dissimilarity_block
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_matrix


@declared(
    needs="sides",
    higher_is_better=False,
    bounds=(0.0, None),
    blind=(Blind("orthogonal column_permutation translation"),),
)
def uniformity_difference(a: Float[Tensor, "n_a d_a"], b: Float[Tensor, "n_b d_b"]) -> Float[Tensor, ""]:
    """Absolute difference of ``log mean exp(-2 |x_i - x_j|^2)`` over all pairs; the pairing does not matter.

    Pairs of a row with itself are included, which bounds each side's value below by ``-log n``.

    Args:
        a: Rows, usually of norm 1.
        b: Rows.

    Returns:
        Distance in [0, inf); near 0 for independent data of one distribution.

    Raises:
        ValueError: An input is not a matrix.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import uniformity_difference
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(uniformity_difference(a, b).item(), 3)
        0.341
    """
    check_matrix("a", a)
    check_matrix("b", b)
    return (_uniformity(a) - _uniformity(b)).abs().to(torch.promote_types(a.dtype, torch.float32))


def _uniformity(rows: Tensor) -> Tensor:
    rows = comparable_rows(rows, "squared_euclidean")
    step = max(1, 2**23 // len(rows))
    blocks = (dissimilarity_block(some, rows, "squared_euclidean") for some in rows.split(step))
    return torch.stack([block.mul_(-2).exp_().sum() for block in blocks]).sum().div(len(rows) ** 2).log()
