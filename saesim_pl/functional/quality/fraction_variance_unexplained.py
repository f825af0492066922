"""Share of the activations' variance that a reconstruction misses."""

from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_paired, check_same_width


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
        A number of at least 0; 0 where ``x`` is constant and met exactly, infinite where it is missed.

    Raises:
        ValueError: Shapes or devices differ, or an entry is not finite.

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
    return fvu_from_sums((x - x_hat).square().sum(), (x - x.mean(0)).square().sum())


def fvu_from_moments(
    residual: Float[Tensor, ""],
    total: Float[Tensor, " d_in"],
    square: Float[Tensor, ""],
    count: Int64[Tensor, ""],
) -> Float[Tensor, ""]:
    """From the summed squared error and the sums, summed squares and number of the rows of ``x``."""
    variance = square - total.square().sum() / count
    return fvu_from_sums(residual, variance.clamp_min(0))


def fvu_from_sums(residual: Float[Tensor, ""], variance: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Ratio of the two sums of squares, 0 / 0 counted as met exactly."""
    return (residual / variance).where(residual > 0, 0.0)
