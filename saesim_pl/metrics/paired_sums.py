"""Metric states that are sums over paired rows."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from saesim_pl.functional.subspaces.paired_sums import PairedSums, about, joined, unchecked_sums

NAMES = tuple(field.name for field in fields(PairedSums))
_DIMENSIONS = {
    "n": 0,
    "sum_a": 1,
    "sum_b": 1,
    "aa": 2,
    "bb": 2,
    "ab": 2,
    "third_a": 2,
    "third_b": 2,
    "fourth": 1,
}


class PairedSumsStore:
    """Keeps :class:`~saesim_pl.functional.subspaces.paired_sums.PairedSums`; widths come with the rows.

    The sums are about the mean of the rows seen so far. Before two are added, by ``merge_state`` or over
    ranks, both move to the mean of all rows; after that, plain addition is correct.
    """

    reduction = "sum"

    def defaults(self) -> dict[str, Tensor]:
        """States before any row."""
        return {name: torch.zeros((0,) * _DIMENSIONS[name], dtype=torch.float64) for name in NAMES}

    def add(self, metric: Metric, a: Tensor, b: Tensor) -> None:
        """Add a block to the states."""
        block, seen = unchecked_sums(a, b).to(metric.device), sums_of(metric.metric_state)
        # Widths tell without waiting for an accelerator whether there were rows.
        if not seen.ab.numel():
            return _set(metric, block)
        _check_widths(seen, block)
        return _set(metric, joined(seen, block))

    def made_addable(self, metric: Metric, incoming: dict[str, Any]) -> dict[str, Any]:
        """Move both sets of states to the mean of all rows: the metric's in place, the other as a result."""
        own, other = sums_of(metric.metric_state), sums_of(incoming)
        if not own.n or not other.n:
            empty = {name: torch.zeros_like(getattr(own if own.n else other, name)) for name in NAMES}
            _set(metric, own if own.n else PairedSums(**empty))
            return {**incoming, **(empty if own.n else {})}
        _check_widths(own, other)
        total = joined(own, other)
        _set(metric, about(own, *total.means))
        return {**incoming, **_states(about(other, *total.means))}

    def make_addable_over_ranks(self, metric: Metric, gather: Callable[[Tensor], list[Tensor]]) -> None:
        """Move the metric's states to the mean of all ranks' rows; set zeros on a rank without rows."""
        own = sums_of(metric.metric_state)
        n, sums_a, sums_b = (gather(part) for part in (own.n, own.sum_a, own.sum_b))
        seen = [rank for rank, count in enumerate(n) if count]
        if not seen:
            return
        total = torch.stack([n[rank] for rank in seen]).sum()
        means = [torch.stack([sums[rank] for rank in seen]).sum(0) / total for sums in (sums_a, sums_b)]
        _set(metric, about(own, *means) if own.n else _no_rows(len(means[0]), len(means[1]), own.n.device))


def sums_of(states: dict[str, Any]) -> PairedSums:
    """The sums among a metric's states."""
    return PairedSums(**{name: states[name] for name in NAMES})


def _states(sums: PairedSums) -> dict[str, Tensor]:
    return {name: getattr(sums, name) for name in NAMES}


def _set(metric: Metric, sums: PairedSums) -> None:
    for name, value in _states(sums).items():
        setattr(metric, name, value)


def _no_rows(d_a: int, d_b: int, device: torch.device) -> PairedSums:
    shapes = [(), (d_a,), (d_b,), (d_a, d_a), (d_b, d_b), (d_a, d_b), (2, d_a), (2, d_b), (3,)]
    return PairedSums(*(torch.zeros(shape, dtype=torch.float64, device=device) for shape in shapes))


def _check_widths(seen: PairedSums, new: PairedSums) -> None:
    if seen.ab.shape != new.ab.shape:
        raise ValueError(
            f"widths changed: blocks had {tuple(seen.ab.shape)} columns, now {tuple(new.ab.shape)}"
        )
