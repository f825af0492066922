"""Share of the activations' variance that a reconstruction misses."""

import warnings

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_paired, check_same_width
from saesim_pl.functional.ground.similarity_warning import SimilarityWarning


def fraction_variance_unexplained(
    x: Float[Tensor, "n d_in"], x_hat: Float[Tensor, "n d_in"]
) -> Float[Tensor, ""]:
    """Squared error over squared distance from the mean, both summed over all rows and columns.

    Invariant to one scale, rotation or offset of both arguments. 1 for the constant mean, 0 for a perfect
    reconstruction, above 1 for worse than the mean; 1 minus it is the explained variance. Averaging it over
    batches would use each batch's own mean and overstate it: use the metric of the same name.

    Args:
        x: Activations.
        x_hat: Their reconstruction.

    Returns:
        A number of at least 0.

    Raises:
        ValueError: Shapes or devices differ, an entry is not finite, or all rows of ``x`` are equal.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import fraction_variance_unexplained
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
        >>> round(fraction_variance_unexplained(x, 0.9 * x).item(), 3)
        0.023
    """
    check_paired(x, x_hat, ("x", "x_hat"))
    check_same_width(x, x_hat, ("x", "x_hat"))
    x, x_hat = x.double(), x_hat.double()
    if (x == x[0]).all():
        raise ValueError(f"x has no variance to explain: its {len(x)} rows are equal")
    return (x - x_hat).square().sum() / (x - x.mean(0)).square().sum()


def fvu_from_moments(
    residual: Float[Tensor, ""],
    total: Float[Tensor, " d_in"],
    square: Float[Tensor, ""],
    count: Int64[Tensor, ""],
) -> Float[Tensor, ""]:
    """The fraction from the summed squared error and the sums, summed squares and number of rows of ``x``.

    NaN, with a warning, where the rows have no variance; NaN too if an error or a row was NaN.
    """
    variance = square - total.square().sum() / count
    # Rounding leaves this much of the variance of a constant.
    constant = variance <= 64 * torch.finfo(square.dtype).eps * square
    if count > 0 and constant:
        warnings.warn(
            f"fvu is NaN: the activations of {int(count)} rows have no variance to explain",
            SimilarityWarning,
            stacklevel=3,
        )
    return torch.where(constant, torch.nan, residual / variance)
