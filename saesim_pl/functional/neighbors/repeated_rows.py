"""Repeated rows, which make a comparison of neighbors less informative than it seems."""

import warnings

import torch
from jaxtyping import Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks
from saesim_pl.functional.ground.similarity_warning import SimilarityWarning
from saesim_pl.functional.neighbors.points import Points


def warn_repeated_rows(
    name: str,
    points: Points,
    nearest: Int64[Tensor, " n"],
    zero_has_neighbors: bool,
    memory_budget: int = MEMORY_BUDGET,
) -> None:
    """Warn of rows equal to their nearest neighbor, and of zero rows if only directions count.

    Args:
        name: Name of the argument, for the message.
        points: Rows as they were compared.
        nearest: Index of the nearest other row of each row.
        zero_has_neighbors: Whether a zero row is a point like any other.
        memory_budget: Bytes for temporaries.
    """
    x, rows = points.x, points.rows
    zero = torch.cat([~x[block].any(dim=1) for block in row_blocks(len(x), 2 * x.shape[1], memory_budget)])
    tolerance = 8 * torch.finfo(x.dtype).eps
    near = torch.cat(
        [
            (rows[block] - rows[nearest[block]]).abs_().amax(dim=1) <= 2 * tolerance
            for block in row_blocks(len(x), 2 * x.shape[1] * x.element_size(), memory_budget)
        ]
    )
    near &= ~zero | zero_has_neighbors
    repeated = 0
    for index in near.nonzero().squeeze(1).split(max(1, memory_budget // (48 * x.shape[1]))):
        some, others = points.exact(index), points.exact(nearest[index])
        largest = (some + points.mean).abs_().amax(dim=1)
        repeated += int(((some - others).abs_().amax(dim=1) <= tolerance * largest).sum())
    if repeated:
        _warn(f"{repeated} of {len(x)} rows of {name} repeat another row, as many-to-one pairs would")
    if zero.any() and not zero_has_neighbors:
        _warn(f"{int(zero.sum())} of {len(x)} rows of {name} are zero: all other rows are as near")


def _warn(message: str) -> None:
    warnings.warn(message, SimilarityWarning, stacklevel=5)
