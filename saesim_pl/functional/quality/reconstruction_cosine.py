"""Cosine between activations and their reconstruction."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_paired, check_same_width, unit_rows


def reconstruction_cosine(x: Float[Tensor, "n d_in"], x_hat: Float[Tensor, "n d_in"]) -> Float[Tensor, ""]:
    """Mean over rows of the cosine between ``x`` and ``x_hat``; a zero row on either side counts 0.

    Ignores the scale of each row, so it measures errors of direction, which the fraction of variance
    unexplained mixes with shrinkage, and not the shrinkage itself. Unchanged by one rotation of both
    arguments. 0 on average for unrelated directions.

    Args:
        x: Activations.
        x_hat: Their reconstruction.

    Returns:
        Cosine in [-1, 1]; 1 when every reconstruction is a positive multiple of its row.

    Raises:
        ValueError: Shapes or devices differ, or an entry is not finite.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import reconstruction_cosine
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
        >>> round(reconstruction_cosine(x, 0.9 * x).item(), 3)
        1.0
    """
    check_paired(x, x_hat, ("x", "x_hat"))
    check_same_width(x, x_hat, ("x", "x_hat"))
    return row_cosines(x.double(), x_hat.double()).mean()


def row_cosines(x: Float[Tensor, "n d_in"], x_hat: Float[Tensor, "n d_in"]) -> Float[Tensor, " n"]:
    """Cosine of each row with its partner."""
    return (unit_rows(x) * unit_rows(x_hat)).sum(1)
