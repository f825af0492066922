"""A sample of rows small enough that all their pairs can be ranked."""

import math

import torch
from jaxtyping import Int64
from torch import Tensor

MAX_PAIRS = 8_000_000
"""Pairs of 4,000 rows: ranking them takes seconds."""


def rows_to_rank(n_rows: int, max_pairs: int) -> int:
    """Largest number of rows, up to ``n_rows``, that have at most ``max_pairs`` pairs.

    Raises:
        ValueError: ``max_pairs`` would leave fewer than 10 rows, and fewer than ``n_rows``.
    """
    most = (1 + math.isqrt(1 + 8 * max(max_pairs, 0))) // 2
    if most < min(n_rows, 10):
        raise ValueError(f"max_pairs must be at least 45, the pairs of 10 rows, got {max_pairs}")
    return min(n_rows, most)


def sampled_rows(n_rows: int, max_pairs: int, seed: int) -> Int64[Tensor, " m"]:
    """Rows drawn without replacement, ascending; the same for both sides and on every device."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(n_rows, generator=generator)[: rows_to_rank(n_rows, max_pairs)]
    return drawn.sort().values
