"""How often each latent fires, over all batches."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_matrix, check_width
from saesim_pl.metrics.keeps_precision import KeepsPrecision


class FiringFrequency(KeepsPrecision):
    """See :func:`~saesim_pl.functional.firing_frequency`; over the rows of all updates.

    Args:
        d_sae: Number of latents.
        kwargs: Passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import FiringFrequency
        >>> latents = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> metric = FiringFrequency(d_sae=2)
        >>> metric.update(latents)
        >>> metric.compute()
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """

    higher_is_better = None
    fired: Tensor
    count: Tensor

    def __init__(self, d_sae: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("fired", torch.zeros(d_sae, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, latents: Float[Tensor, "batch d_sae"]) -> None:
        """Add a batch of latents.

        Raises:
            ValueError: Not a matrix of finite floating-point numbers, or not of ``d_sae`` columns.
        """
        check_matrix("latents", latents)
        check_width("latents", latents, len(self.fired))
        self.fired += (latents > 0).sum(0)
        self.count += len(latents)

    def compute(self) -> Float[Tensor, " d_sae"]:
        """Shares in [0, 1]."""
        return self.fired.double() / self.count
