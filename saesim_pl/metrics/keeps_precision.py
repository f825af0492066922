"""Base of all metrics: states keep their precision, and values can be plotted."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchmetrics import Metric

if TYPE_CHECKING:
    from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE


class KeepsPrecision(Metric):
    """Base of the metrics of this package."""

    higher_is_better: bool | None = True
    is_differentiable = False
    full_state_update = False

    def plot(
        self, val: Tensor | Sequence[Tensor] | None = None, ax: "_AX_TYPE | None" = None
    ) -> "_PLOT_OUT_TYPE":
        """One point for a value, a line for several; computes the value if it is not given."""
        return self._plot(val, ax)

    def set_dtype(self, dst_type: str | torch.dtype) -> "KeepsPrecision":
        """Does nothing: states in half precision would be wrong for a model of any dtype."""
        return self

    # Lightning casts a module's metrics along with its weights, and torchmetrics lets ``.to(dtype)`` through.
    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> torch.nn.Module:
        """Follow a change of device, but not of dtype: ``bf16-true`` would round the sums away."""
        return super()._apply(lambda state: state.to(fn(state.new_empty(0)).device), exclude_state)
