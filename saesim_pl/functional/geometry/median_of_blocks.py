"""The median of more numbers than fit into memory."""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

# A float64 of 0 or more orders as its bits do; these are its exponent and 16 digits after it.
_SHIFT = 36
_BINS = 60 << 16


def median_of_blocks(blocks: Callable[[], Iterable[Tensor]], count: int) -> Float[Tensor, ""]:
    """Median of ``count`` numbers of 0 or more, the mean of the middle two where ``count`` is even.

    Counts the numbers by their leading digits, then takes those that begin as the median does.

    Args:
        blocks: Gives the same numbers, in float64, block by block, each time it is called.
        count: How many they are.
    """
    highest = torch.stack([block.max() for block in blocks()]).max()
    lowest_key = (highest.view(torch.int64) >> _SHIFT) - _BINS + 1

    def keys(block: Tensor) -> Tensor:
        # Anything 2^60 times smaller than the largest is as good as 0.
        return ((block.flatten().view(torch.int64) >> _SHIFT) - lowest_key).clamp_(min=0)

    counts = sum(keys(block).bincount(minlength=_BINS) for block in blocks())
    up_to = torch.as_tensor(counts).cumsum(0)
    middle = torch.tensor([(count - 1) // 2, count // 2], device=up_to.device)
    first, last = torch.searchsorted(up_to, middle, right=True)
    found = []
    for block in blocks():
        key = keys(block)
        found.append(block.flatten()[(key >= first) & (key <= last)])
    below = up_to[first] - torch.as_tensor(counts)[first]
    return torch.cat(found).sort().values[middle - below].mean()
