"""What one pass of a sparse autoencoder over a batch gives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor


@dataclass
class SAEOutput:
    """What one pass over a batch gives.

    Attributes:
        x_hat: Reconstruction.
        loss: What training minimises; the only differentiable attribute.
        terms: Named parts of the loss, before their coefficients.
        fired: Sum of each latent over the batch: 0 where it never fired.
        make_latents: Makes ``latents``; a function without arguments, not the tensor.

    Raises:
        TypeError: ``make_latents`` is a tensor.
    """

    x_hat: Float[Tensor, "batch d_in"]
    loss: Float[Tensor, ""]
    terms: dict[str, Float[Tensor, ""]]
    fired: Float[Tensor, " d_sae"]
    make_latents: Callable[[], Float[Tensor, "batch d_sae"]]

    def __post_init__(self) -> None:
        if isinstance(self.make_latents, Tensor):
            raise TypeError("make_latents must be a function that gives the latents: pass lambda: latents")

    @cached_property
    def latents(self) -> Float[Tensor, "batch d_sae"]:
        """SAE activations; made at the first call, since a sparse step never needs them whole."""
        return self.make_latents()
