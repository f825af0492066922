"""Rows that make a comparison of neighbours say less than it seems to."""

import warnings

import torch
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks
from saesim_pl.functional.ground.similarity_warning import SimilarityWarning


def warn_repeated_rows(
    name: str, x: Tensor, nearest: Tensor, zero_has_neighbours: bool, memory_budget: int = MEMORY_BUDGET
) -> None:
    """Warn of rows equal to their nearest neighbour, and of zero rows where those have no direction.

    Args:
        name: Name of the argument, for the message.
        x: Rows as they were compared.
        nearest: Index of the nearest other row of each row.
        zero_has_neighbours: Whether a zero row is a point like any other.
        memory_budget: Bytes for temporaries.
    """
    tolerance = 8 * torch.finfo(x.dtype).eps * x.abs().max()
    repeated = zero = 0
    for block in row_blocks(len(x), 2 * x.shape[1] * x.element_size(), memory_budget):
        alive = x[block].any(dim=1)
        same = (x[block] - x[nearest[block]]).abs_().amax(dim=1) <= tolerance
        repeated += int((same & (alive | zero_has_neighbours)).sum())
        zero += int((~alive).sum())
    if repeated:
        _warn(f"{repeated} of {len(x)} rows of {name} repeat another row, as many-to-one pairs would")
    if zero and not zero_has_neighbours:
        _warn(f"{zero} of {len(x)} rows of {name} are zero: their neighbours are the lowest indices")


def _warn(message: str) -> None:
    warnings.warn(message, SimilarityWarning, stacklevel=5)
