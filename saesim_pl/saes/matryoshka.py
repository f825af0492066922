"""Autoencoder whose prefixes of latents each reconstruct the input."""

from itertools import accumulate

from jaxtyping import Float
from torch import Tensor

from saesim_pl.saes.batch_top_k import BatchTopKSAE
from saesim_pl.saes.output import SAEOutput


class MatryoshkaSAE(BatchTopKSAE):
    r"""BatchTopK whose nested prefixes of latents each reconstruct the input.

    .. math:: \frac{1}{|M|} \sum_{m \in M} \|x - b_{dec} - \sum_{i < m} f_i W_{dec,i}\|_2^2,

    averaged over the batch. An error of the first latents counts in every prefix. So the first latents learn
    general features, and later latents cannot absorb these. Bussmann, Nabeshima et al. (2025), "Learning
    multi-level features with Matryoshka sparse autoencoders". The callback ``SamplePrefixes`` draws new
    groups at each step.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        k: Mean number of latents that fire in a sample.
        group_sizes: Number of latents that each prefix adds to the one before, summing up to ``d_sae``. By
            default 1/16, 1/16, 1/8, 1/4 and 1/2 of ``d_sae``, rounded.

    Raises:
        ValueError: ``k`` lies outside [1, d_sae], or the groups are not positive and ``d_sae`` together.
    """

    def __init__(self, d_in: int, d_sae: int, k: int = 8, group_sizes: list[int] | None = None) -> None:
        super().__init__(d_in, d_sae, k)
        self.group_sizes = _halves(d_sae) if group_sizes is None else group_sizes

    @property
    def group_sizes(self) -> list[int]:
        """Number of latents that each prefix adds to the one before."""
        return self._group_sizes

    @group_sizes.setter
    def group_sizes(self, sizes: list[int]) -> None:
        if not sizes or min(sizes) < 1:
            raise ValueError(f"group_sizes must be positive, got {sizes}")
        if sum(sizes) != self.d_sae:
            raise ValueError(f"group_sizes sum up to {sum(sizes)}, but d_sae is {self.d_sae}")
        self._group_sizes = list(sizes)

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared error, averaged over the prefixes; ``terms``: ``mse`` of all latents and ``prefix_mse``."""
        if not self.training:
            return self._error_only(x)
        return self._training_loss(x, tuple(accumulate(self.group_sizes)))


def _halves(d_sae: int) -> list[int]:
    shares = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1]
    ends = sorted({max(1, round(d_sae * share)) for share in shares})
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
