"""Share of the activations' variance that a reconstruction misses, over all batches."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_reconstruction
from saesim_pl.functional.quality.fraction_variance_unexplained import fvu_from_moments
from saesim_pl.metrics.keeps_precision import KeepsPrecision


class FractionVarianceUnexplained(KeepsPrecision):
    """See :func:`~saesim_pl.functional.fraction_variance_unexplained`; over the rows of all updates.

    Args:
        d_in: Width of the activations.
        kwargs: Passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import FractionVarianceUnexplained
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
        >>> metric = FractionVarianceUnexplained(d_in=2)
        >>> metric.update(x, 0.9 * x)
        >>> round(metric.compute().item(), 3)
        0.023
    """

    higher_is_better = False
    residual: Tensor
    total: Tensor
    square: Tensor
    count: Tensor

    def __init__(self, d_in: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("residual", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(d_in, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("square", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, x: Float[Tensor, "batch d_in"], x_hat: Float[Tensor, "batch d_in"]) -> None:
        """Add a batch and its reconstruction.

        Raises:
            ValueError: Shapes or devices differ, there are not ``d_in`` columns or, on a CPU, an entry is not
                finite. On an accelerator only the result shows this.
        """
        check_reconstruction(x, x_hat, len(self.total))
        x = x.double()
        self.residual += (x - x_hat).square().sum()
        self.total += x.sum(0)
        self.square += x.square().sum()
        self.count += len(x)

    def compute(self) -> Float[Tensor, ""]:
        """Share of the variance missed; NaN where an entry was NaN, or, with a warning, without variance."""
        return fvu_from_moments(self.residual, self.total, self.square, self.count)
