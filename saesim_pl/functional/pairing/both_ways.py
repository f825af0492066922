"""The best partner of every row of both sides, from one pass over their scores."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks
from saesim_pl.functional.pairing.matching import Matching
from saesim_pl.functional.pairing.scores import Scores


@dataclass(frozen=True)
class BestBothWays:
    """Index and score of the best live partner of every row of ``a`` and of ``b``, on the CPU.

    Dead rows, and all rows where the other side is dead, have the index -1 and the score 0.
    """

    index_a: Int64[Tensor, " n_a"]
    score_a: Float[Tensor, " n_a"]
    index_b: Int64[Tensor, " n_b"]
    score_b: Float[Tensor, " n_b"]

    def swapped(self) -> "BestBothWays":
        """The same with the sides exchanged."""
        return BestBothWays(self.index_b, self.score_b, self.index_a, self.score_a)

    def argmax(self) -> Matching:
        """Each live row of ``a`` with its best row of ``b``."""
        return self._pairs(self.index_a >= 0, n_sought=len(self.index_a))

    def mutual(self) -> Matching:
        """The pairs that are each other's best."""
        back = self.index_b[self.index_a.clamp(min=0)]
        return self._pairs((self.index_a >= 0) & (back == torch.arange(len(back))), None)

    def _pairs(self, kept: Tensor, n_sought: int | None) -> Matching:
        index_a = kept.nonzero().squeeze(1)
        sizes = len(self.index_a), len(self.index_b)
        return Matching(index_a, self.index_a[index_a], self.score_a[index_a], sizes, n_sought)


def best_both_ways(scores: Scores, memory_budget: int = MEMORY_BUDGET) -> BestBothWays:
    """Best partners in both directions; ties go to the lower index."""
    n_a, n_b = scores.shape
    live_a, live_b = scores.live_a, scores.live_b
    device = live_a.device
    index_a, index_b = (torch.zeros(n, dtype=torch.int64, device=device) for n in (n_a, n_b))
    score_a = torch.zeros(n_a, dtype=scores.dtype, device=device)
    score_b = torch.full((n_b,), -torch.inf, dtype=scores.dtype, device=device)
    dead_b = (~live_b).nonzero().squeeze(1)
    for block in row_blocks(n_a, scores.bytes_per_row, memory_budget):
        rows = scores.rows(block)
        rows.index_fill_(1, dead_b, -torch.inf)
        score_a[block], index_a[block] = rows.max(dim=1)
        rows.masked_fill_(~live_a[block, None], -torch.inf)
        value, row = rows.max(dim=0)
        # Only a strictly higher score displaces an earlier row: ties go to the lower index.
        better = value > score_b
        score_b.copy_(torch.where(better, value, score_b))
        index_b.copy_(torch.where(better, row + block.start, index_b))
    paired_a, paired_b = live_a & live_b.any(), live_b & live_a.any()
    return BestBothWays(
        index_a.where(paired_a, -1).cpu(),
        score_a.where(paired_a, 0.0).cpu(),
        index_b.where(paired_b, -1).cpu(),
        score_b.where(paired_b, 0.0).cpu(),
    )
