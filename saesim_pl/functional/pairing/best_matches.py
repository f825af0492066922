"""Best partner of every row, from scores that are computed block by block."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks
from saesim_pl.functional.pairing.scores import Scores

Pairs = tuple[Tensor, Tensor, Tensor]
"""Indices into a, indices into b, scores."""


def highest_scores(
    scores: Scores, columns: bool, memory_budget: int = MEMORY_BUDGET
) -> tuple[Float[Tensor, " n_a"], Float[Tensor, " n_b"]]:
    """Highest score of every row and, if asked for, of every column; dead ones score 0 and are included."""
    # Results go into memory taken beforehand: small tensors kept between large blocks would fragment the
    # heap, and each block would take fresh memory.
    best_a, best_b = (scores.live_a.new_full((n,), -torch.inf, dtype=scores.dtype) for n in scores.shape)
    device = scores.live_a.device
    for block in row_blocks(scores.shape[0], scores.bytes_per_row, memory_budget, device=device):
        rows = scores.rows(block)
        best_a[block] = rows.amax(dim=1)
        if columns:
            torch.maximum(best_b, rows.amax(dim=0), out=best_b)
    return best_a, best_b


def best_matches(scores: Scores, mutual: bool, memory_budget: int = MEMORY_BUDGET) -> Pairs:
    """Each live row of a with its best live row of b; with ``mutual`` only where b agrees."""
    n_a, n_b = scores.shape
    device = scores.live_a.device
    dead_b = (~scores.live_b).nonzero().squeeze(1)
    best_b, best_a = (torch.zeros(n, dtype=torch.int64, device=device) for n in (n_a, n_b))
    score_a = torch.zeros(n_a, dtype=scores.dtype, device=device)
    score_b = torch.full((n_b,), -torch.inf, dtype=scores.dtype, device=device)
    for block in row_blocks(n_a, scores.bytes_per_row, memory_budget, device=device):
        rows = scores.rows(block)
        rows.index_fill_(1, dead_b, -torch.inf)
        score_a[block], best_b[block] = rows.max(dim=1)
        if mutual:
            rows.masked_fill_(~scores.live_a[block, None], -torch.inf)
            value, row = rows.max(dim=0)
            # Only a strictly higher score displaces an earlier row: ties go to the lower index.
            better = value > score_b
            score_b.copy_(torch.where(better, value, score_b))
            best_a.copy_(torch.where(better, row + block.start, best_a))
    kept = scores.live_a & scores.live_b.any()
    if mutual:
        kept &= best_a[best_b] == torch.arange(n_a, device=device)
    index_a = kept.nonzero().squeeze(1)
    return index_a, best_b[index_a], score_a[index_a]
