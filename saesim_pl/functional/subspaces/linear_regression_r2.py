"""Share of one side's variance that a linear map of the other explains (Kornblith et al. 2019)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.ground.similarity_warning import warn_saturated
from saesim_pl.functional.ground.spectrum import whitening
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows

DIRECTIONS = ("a_to_b", "b_to_a")


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    directed=True,
    blind=(
        Blind("orthogonal column_permutation isotropic_scale translation"),
        Blind("invertible_linear", when=lambda options, side: options["direction"].startswith(side)),
    ),
)
def linear_regression_r2(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    direction: Literal["a_to_b", "b_to_a"] = "a_to_b",
) -> Float[Tensor, ""]:
    """In-sample R2 of predicting the centered rows of one side from the centered rows of the other.

    Independent data reaches ``d / (n - 1)``, with ``d`` the width of the predicting side.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        direction: ``a_to_b`` predicts ``b`` from ``a``.

    Returns:
        Similarity in [0, 1]; 0 when there is no variance to explain.

    Raises:
        ValueError: The rows cannot be paired, or ``direction`` is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import linear_regression_r2
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(linear_regression_r2(a, b).item(), 3)
        0.563
    """
    return from_rows(linear_regression_r2_from_sums, a, b, direction=direction)


def linear_regression_r2_from_sums(sums: PairedSums, direction: str = "a_to_b") -> Float[Tensor, ""]:
    """See :func:`linear_regression_r2`."""
    check_option("direction", direction, DIRECTIONS)
    sums = checked(sums if direction == "a_to_b" else sums.swapped())
    warn_saturated("linear regression", int(sums.n), sums.aa.shape[0])
    explained, total = (whitening(sums.aa).T @ sums.ab).square().sum(), sums.bb.trace()
    return torch.where(total > 0, explained / total.where(total > 0, 1.0), 0.0).clamp(max=1)
