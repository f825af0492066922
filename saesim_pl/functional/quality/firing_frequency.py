"""How often each latent fires."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_matrix


def firing_frequency(latents: Float[Tensor, "n d_sae"]) -> Float[Tensor, " d_sae"]:
    """Share of the rows in which each latent is above 0.

    Their sum is L0, the mean number of latents that fire in a row; latents with share 0 are dead on these
    rows.

    Args:
        latents: SAE activations.

    Returns:
        Shares in [0, 1].

    Raises:
        ValueError: Not a matrix of finite floating-point numbers.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import firing_frequency
        >>> latents = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> firing_frequency(latents)
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    check_matrix("latents", latents)
    return (latents > 0).double().mean(0)
