"""Base of metrics that need every row before they can be computed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors

from saesim_pl.functional.inputs import check_paired
from saesim_pl.metrics.keeps_precision import KeepsPrecision

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class RowPairedMetric(KeepsPrecision, ABC):
    """Keeps the rows of both sides, since the value of each row depends on all others."""

    plot_lower_bound = 0.0
    plot_upper_bound = 1.0
    a: list[Tensor]
    b: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("a", [], dist_reduce_fx="cat")
        self.add_state("b", [], dist_reduce_fx="cat")

    @abstractmethod
    def measure(self, a: Tensor, b: Tensor) -> Tensor:
        """Value of all rows."""

    def update(self, a: Tensor, b: Tensor) -> None:
        """Add rows; row i of ``a`` is paired with row i of ``b``.

        Raises:
            ValueError: Rows are not paired, or their width differs from earlier updates.
        """
        check_paired(a, b)
        for name, new, old in (("a", a, self.a), ("b", b, self.b)):
            if old and old[0].shape[1] != new.shape[1]:
                raise ValueError(f"earlier rows of {name} have width {old[0].shape[1]}, got {new.shape[1]}")
        # A caller may reuse its buffers: what we keep must be ours.
        self.a.append(a.detach().clone())
        self.b.append(b.detach().clone())

    def compute(self) -> Tensor:
        """Value over the rows of all updates.

        Raises:
            ValueError: There are none.
        """
        if not len(self.a):
            raise ValueError(f"{type(self).__name__} has no rows: update it first")
        return self.measure(dim_zero_cat(self.a), dim_zero_cat(self.b))

    def _sync_dist(
        self, dist_sync_fn: Callable = gather_all_tensors, process_group: Any | None = None
    ) -> None:
        """A process without rows takes part with none of the others' width and dtype."""
        for name in ("a", "b"):
            rows: list[Tensor] = getattr(self, name)
            known = [rows[0].shape[1], _DTYPES.index(rows[0].dtype)] if rows else [0, 0]
            told = dist_sync_fn(torch.tensor(known, device=self.device), process_group or self.process_group)
            width, dtype = torch.stack(list(told)).amax(dim=0).tolist()
            if width:
                rows = rows or [torch.zeros(0, width, device=self.device)]
                setattr(self, name, [row.to(_DTYPES[dtype]) for row in rows])
        if self.a:
            super()._sync_dist(dist_sync_fn, process_group)
