"""Output of one pass of a sparse autoencoder over a batch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor


@dataclass
class SAEOutput:
    """Output of one pass over a batch.

    Attributes:
        x_hat: Reconstruction.
        loss: Training loss; the only differentiable attribute.
        terms: Named parts of the loss, before their coefficients.
        fired: Sum of each latent over the batch; 0 for a latent that did not fire.
        make_latents: Function without arguments that computes ``latents``; not the tensor itself.

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
        """SAE activations, computed at the first access: a sparse training step does not need all of them."""
        return self.make_latents()
