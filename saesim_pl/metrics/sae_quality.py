"""Sparsity and reconstruction scores of one SAE on a data set."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import (
    check_matrix,
    check_paired,
    check_reconstruction,
    check_width,
)
from saesim_pl.functional.quality.fraction_variance_unexplained import fvu_from_moments
from saesim_pl.functional.quality.reconstruction_cosine import row_cosines
from saesim_pl.functional.quality.relative_reconstruction_bias import bias_from_sums
from saesim_pl.metrics.keeps_precision import KeepsPrecision

_SCALARS = ("residual", "square", "cosine", "square_hat", "product")


class SAEQuality(KeepsPrecision):
    """Sparsity and reconstruction over the rows of all updates, not averaged over batches.

    - ``l0``: mean number of latents that fire in a row.
    - ``dead``: share of latents that fired in no row.
    - ``dense``: share of latents that fired in more than ``dense_threshold`` of the rows.
    - ``fvu``: :func:`~saesim_pl.functional.fraction_variance_unexplained`; 1 minus it is the explained
      variance, which is therefore omitted. NaN, with a warning, for activations without
      variance.
    - ``cosine``: :func:`~saesim_pl.functional.reconstruction_cosine`.
    - ``bias``: :func:`~saesim_pl.functional.relative_reconstruction_bias`, below 1 for shrinkage.

    A NaN among activations or reconstructions makes every score NaN that depends on it.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
        dense_threshold: Share of rows above which a latent counts as dense.
        kwargs: Passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: The threshold lies outside [0, 1].

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import SAEQuality
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
        >>> latents = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [3.0, 1.0, 0.0]])
        >>> metric = SAEQuality(d_in=2, d_sae=3)
        >>> metric.update(x, 0.9 * x, latents)
        >>> {name: round(value.item(), 2) for name, value in metric.compute().items()}
        {'l0': 1.33, 'dead': 0.33, 'dense': 0.67, 'fvu': 0.02, 'cosine': 1.0, 'bias': 0.9}
    """

    higher_is_better = None
    total: Tensor
    residual: Tensor
    square: Tensor
    cosine: Tensor
    square_hat: Tensor
    product: Tensor
    fired: Tensor
    count: Tensor

    def __init__(self, d_in: int, d_sae: int, dense_threshold: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= dense_threshold <= 1:
            raise ValueError(f"dense_threshold is a share in [0, 1], got {dense_threshold}")
        self.dense_threshold = dense_threshold
        for name in _SCALARS:
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(d_in, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("fired", torch.zeros(d_sae, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        x: Float[Tensor, "batch d_in"],
        x_hat: Float[Tensor, "batch d_in"],
        latents: Float[Tensor, "batch d_sae"],
    ) -> None:
        """Add a batch, its reconstruction and its latents.

        Raises:
            ValueError: Shapes or devices differ, there are not ``d_in`` and ``d_sae`` columns or, on a CPU,
                an entry is not finite. On an accelerator only the result shows this.
        """
        check_reconstruction(x, x_hat, len(self.total))
        check_paired(x, latents, ("x", "latents"), finite=False)
        check_matrix("latents", latents, finite=latents.device.type == "cpu")
        check_width("latents", latents, len(self.fired))
        x, x_hat = x.double(), x_hat.double()
        self.total += x.sum(0)
        self.residual += (x - x_hat).square().sum()
        self.square += x.square().sum()
        self.cosine += row_cosines(x, x_hat).sum()
        self.square_hat += x_hat.square().sum()
        self.product += (x * x_hat).sum()
        self.fired += (latents > 0).sum(0)
        self.count += len(x)

    def compute(self) -> dict[str, Float[Tensor, ""]]:
        """The numbers by name."""
        frequency = self.fired.double() / self.count
        return {
            "l0": frequency.sum(),
            "dead": (self.fired == 0).double().mean(),
            "dense": (frequency > self.dense_threshold).double().mean(),
            "fvu": fvu_from_moments(self.residual, self.total, self.square, self.count),
            "cosine": self.cosine / self.count,
            "bias": bias_from_sums(self.square_hat, self.product),
        }
