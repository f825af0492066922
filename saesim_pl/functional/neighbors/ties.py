"""Neighbors that share their places."""

from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor


@dataclass(frozen=True)
class Ties:
    """Neighbors of all rows of a side that has ties, row after row.

    A group of equally near neighbors shares places ``start`` to ``stop - 1`` among its ``size`` members;
    the last group may have more members than places. Each member takes each place with probability
    ``1 / size``. A row whose last group holds most other rows keeps those outside it instead, as empty
    groups, and the group itself as ``base``.

    Attributes:
        first: Entry at which each row begins, and the number of entries.
        column: Other row of each entry.
        group: ``start``, ``stop`` and ``size`` of each entry.
        base: Group of every other row that has no entry; ``stop = start`` if they are not neighbors.
        in_order: Whether columns ascend within each row.
    """

    first: Int64[Tensor, " n+1"]
    column: Int64[Tensor, " entries"]
    group: Int64[Tensor, "entries 3"]
    base: Int64[Tensor, "n 3"]
    in_order: bool = True


def places(k: int, device: torch.device) -> Int64[Tensor, "k 3"]:
    """Groups of one row for each place."""
    place = torch.arange(k, device=device)
    return torch.stack([place, place + 1, torch.ones_like(place)], dim=1)


def no_group(n: int, device: torch.device) -> Int64[Tensor, "n 3"]:
    """Groups without a place."""
    return torch.tensor([0, 0, 1], device=device).repeat(n, 1)
