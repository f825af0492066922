"""Shrinkage: whether reconstructions are systematically too short."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_paired, check_same_width


def relative_reconstruction_bias(
    x: Float[Tensor, "n d_in"], x_hat: Float[Tensor, "n d_in"]
) -> Float[Tensor, ""]:
    """The factor ``gamma`` for which ``x_hat / gamma`` is closest to ``x``.

    ``gamma = argmin E|x_hat / gamma - x|^2 = E|x_hat|^2 / E<x_hat, x>``. Below 1 the reconstruction is too
    short, the shrinkage of an L1 penalty; above 1 too long. Multiplying ``x_hat`` by a number multiplies
    the value by it; one scale or rotation of both changes nothing. Rajamanoharan et al. (2024),
    "Improving dictionary learning with gated sparse autoencoders".

    Args:
        x: Activations.
        x_hat: Their reconstruction.

    Returns:
        1 without bias; 0 if ``x_hat`` is all zero, negative if it points away from ``x``, infinite if it is
        orthogonal to ``x``.

    Raises:
        ValueError: Shapes or devices differ, or an entry is not finite.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import relative_reconstruction_bias
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
        >>> round(relative_reconstruction_bias(x, 0.9 * x).item(), 3)
        0.9
    """
    check_paired(x, x_hat, ("x", "x_hat"))
    check_same_width(x, x_hat, ("x", "x_hat"))
    x, x_hat = x.double(), x_hat.double()
    return bias_from_sums(x_hat.square().sum(), (x * x_hat).sum())


def bias_from_sums(square: Float[Tensor, ""], product: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Ratio of the two sums; a reconstruction that is zero throughout has shrunk to 0."""
    return (square / product).where(square != 0, 0.0)
