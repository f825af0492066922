"""Base class of architectures with a set number of active latents."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder


class KSparseAutoencoder(SparseAutoencoder):
    """An SAE with ``k`` active latents in a sample.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        k: Number of latents that fire in a sample.

    Raises:
        ValueError: ``k`` lies outside [1, d_sae].
    """

    def __init__(self, d_in: int, d_sae: int, k: int = 8) -> None:
        super().__init__(d_in, d_sae)
        self.k = k

    @property
    def k(self) -> int:
        """Number of latents that fire in a sample."""
        return self._k

    @k.setter
    def k(self, k: int) -> None:
        if not 1 <= k <= self.d_sae:
            raise ValueError(f"k must lie in [1, d_sae={self.d_sae}], got {k}")
        self._k = k

    def _scale_latents(self, factors: Float[Tensor, " d_sae"]) -> None:
        raise TypeError(f"{type(self).__name__} keeps its largest latents: another scale would keep others")
