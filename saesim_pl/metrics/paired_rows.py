"""Metric states that are the paired rows themselves."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class PairedRowsStore:
    """Keeps every row, in its own dtype but at least float32."""

    reduction = "cat"

    def defaults(self) -> dict[str, list[Tensor]]:
        """States before any row."""
        return {"rows_a": [], "rows_b": []}

    def add(self, metric: Metric, a: Tensor, b: Tensor) -> None:
        """Keep a block."""
        for name, new in (("rows_a", a), ("rows_b", b)):
            rows: list[Tensor] = getattr(metric, name)
            # Copied, since a caller may reuse its buffers.
            new = new.to(metric.device, torch.promote_types(new.dtype, torch.float32), copy=True)
            if len(rows) and rows[0].shape[1] != new.shape[1]:
                raise ValueError(f"widths changed: blocks had {rows[0].shape[1]} columns, now {new.shape[1]}")
            rows.append(new)

    def made_addable(self, metric: Metric, incoming: dict[str, Any]) -> dict[str, Any]:
        """Turn gathered tensors of rows back into lists, on both sides of the merge."""
        for name in ("rows_a", "rows_b"):
            setattr(metric, name, _as_list(getattr(metric, name)))
        return {**incoming, **{name: _as_list(incoming[name]) for name in ("rows_a", "rows_b")}}

    def make_addable_over_ranks(self, metric: Metric, gather: Callable[[Tensor], list[Tensor]]) -> None:
        """Make one tensor for each side, with the same width and dtype on all ranks, even without rows."""
        for name in ("rows_a", "rows_b"):
            rows = _as_list(getattr(metric, name))
            width = rows[0].shape[1] if rows else 0
            is_double = any(block.dtype == torch.float64 for block in rows)
            facts = (
                torch.stack(gather(torch.tensor([width, is_double], device=metric.device))).amax(0).tolist()
            )
            dtype = torch.float64 if facts[1] else torch.float32
            empty = torch.zeros(0, int(facts[0]), dtype=dtype, device=metric.device)
            setattr(metric, name, [torch.cat([empty, *(block.to(dtype) for block in rows)])])


def rows_of(metric: Metric) -> tuple[Tensor, Tensor]:
    """All rows of both sides.

    Raises:
        ValueError: There are no rows.
    """
    # Lists of blocks, or tensors after a reduction over ranks.
    rows_a, rows_b = (metric.metric_state[name] for name in ("rows_a", "rows_b"))
    if not len(rows_a):
        raise ValueError("no rows to compare: n is 0")
    a, b = dim_zero_cat(rows_a), dim_zero_cat(rows_b)
    dtype = torch.promote_types(a.dtype, b.dtype)
    return a.to(dtype), b.to(dtype)


def _as_list(rows: Tensor | list[Tensor]) -> list[Tensor]:
    return [rows] if isinstance(rows, Tensor) else list(rows)
