"""Splitting rows into blocks, so that no n x n matrix is ever in memory."""

from collections.abc import Iterator

import torch

MEMORY_BUDGET = 2**28
"""Bytes that the temporary blocks of one call may take, unless its caller says otherwise: 256 MiB."""

# On a CPU, blocks that fit a cache are faster than larger ones: fresh pages cost more than the arithmetic.
# An accelerator reads the other side again for every block, and is given the whole budget.
_COMFORTABLE = 2**25


def row_blocks(
    n_rows: int,
    bytes_per_row: int,
    memory_budget: int = MEMORY_BUDGET,
    largest: int | None = None,
    device: torch.device | None = None,
) -> Iterator[slice]:
    """Consecutive slices that cover ``n_rows``, each of at least one row and within the budget.

    Args:
        n_rows: Rows to be covered.
        bytes_per_row: Temporary memory that one row needs.
        memory_budget: Bytes for one block's temporaries.
        largest: Upper limit of a block's bytes, even if the budget is larger; the default depends on
            ``device``.
        device: Where the rows are; by default a CPU.

    Raises:
        ValueError: The budget is not positive.
    """
    if memory_budget <= 0:
        raise ValueError(f"memory_budget must be positive, got {memory_budget}")
    if largest is None:
        largest = _COMFORTABLE if device is None or device.type == "cpu" else memory_budget
    size = max(1, min(memory_budget, largest) // max(1, bytes_per_row))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
