"""The median of more numbers than fit into memory."""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

# A float64 of 0 or more orders as its bits do; these are its exponent and 12 digits after it.
_SHIFT = 40
_BINS = 60 << 12


def median_of_blocks(
    blocks: Callable[[], Iterable[Tensor]], count: int, highest: Tensor
) -> Float[Tensor, ""]:
    """Median of ``count`` numbers of 0 or more, the mean of the middle two where ``count`` is even.

    Counts the numbers by their leading digits, then sorts only the numbers that share the median's leading
    digits.

    Args:
        blocks: Gives the same numbers, in float64, block by block, each time it is called.
        count: How many numbers there are.
        highest: Upper bound of the numbers.
    """
    # Anything 2^59 times smaller than the largest is as good as 0.
    lowest_key = (highest.double().view(torch.int64) >> _SHIFT) - _BINS + 1
    counts = torch.zeros(_BINS, dtype=torch.int64, device=highest.device)
    for block in blocks():
        keys = block.flatten().view(torch.int64).bitwise_right_shift(_SHIFT)
        counts += keys.sub_(lowest_key).clamp_(min=0).bincount(minlength=_BINS)
    up_to = counts.cumsum(0)
    middle = torch.tensor([(count - 1) // 2, count // 2], device=up_to.device)
    first, last = torch.searchsorted(up_to, middle, right=True)
    low, high = (((torch.stack([first, last + 1]) + lowest_key) << _SHIFT).view(torch.float64)).unbind()
    low = torch.where(first > 0, low, 0.0)
    found = torch.cat([block[(block >= low) & (block < high)] for block in blocks()])
    return found.sort().values[middle - (up_to[first] - counts[first])].mean()
