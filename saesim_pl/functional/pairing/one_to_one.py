"""One-to-one pairs of the highest total score: exact, or among the best candidates of large sides."""

import torch
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks
from saesim_pl.functional.pairing.assignment import best_assignment
from saesim_pl.functional.pairing.best_matches import Pairs
from saesim_pl.functional.pairing.candidates import assign_candidates, best_candidates
from saesim_pl.functional.pairing.scores import Scores

EXACT_BELOW = 8192**2
"""Pairs of rows from which on only the best candidates of each row and column are considered."""


def hungarian_pairs(scores: Scores, memory_budget: int = MEMORY_BUDGET, exact: bool | None = None) -> Pairs:
    """Pairs of the one-to-one assignment that maximizes the sum of scores, in order of their row of a.

    Exact below 8192 x 8192. There, dead rows score 0 with everything, so a live row may stay without a
    partner if every live one would lower the sum; pairs with a dead row are left out. From that size on
    only the 32 best partners of each live row and of each live column are considered. As many rows as
    possible are paired among them, and the remaining rows are paired in the same way. At 4000 rows of 256
    columns this lost nothing of the mean score where b is a noisy copy of a, nothing for independent rows
    and 1e-5 for clustered ones.

    Args:
        scores: Scores to maximize.
        memory_budget: Bytes for blocks; the exact solution needs all scores at once.
        exact: Overrides the choice by size.
    """
    exact = scores.shape[0] * scores.shape[1] < EXACT_BELOW if exact is None else exact
    return _exact_pairs(scores, memory_budget) if exact else _candidate_pairs(scores, memory_budget)


def _exact_pairs(scores: Scores, memory_budget: int) -> Pairs:
    every = [torch.arange(n) for n in scores.shape]
    index_a, index_b, score = _solved_whole(scores, every[0], every[1], memory_budget)
    kept = scores.live_a.cpu()[index_a] & scores.live_b.cpu()[index_b]
    return index_a[kept], index_b[kept], score[kept]


def _candidate_pairs(scores: Scores, memory_budget: int) -> Pairs:
    free_a, free_b = (live.cpu().nonzero().squeeze(1) for live in (scores.live_a, scores.live_b))
    empty = torch.empty(0, dtype=torch.int64)
    found: list[Pairs] = [(empty, empty, torch.empty(0, dtype=scores.dtype))]
    while len(free_a) and len(free_b):
        if found[1:] and len(free_a) * len(free_b) < EXACT_BELOW:
            pairs = _solved_whole(scores, free_a, free_b, memory_budget)
        else:
            pairs = assign_candidates(*best_candidates(scores, free_a, free_b, memory_budget))
        found.append(pairs)
        free_a, free_b = (
            free[~torch.isin(free, used)] for free, used in zip((free_a, free_b), pairs, strict=False)
        )
    index_a, index_b, score = (torch.cat(part) for part in zip(*found, strict=True))
    order = index_a.argsort()
    return index_a[order], index_b[order], score[order]


def _solved_whole(scores: Scores, index_a: Tensor, index_b: Tensor, memory_budget: int) -> Pairs:
    blocks = row_blocks(len(index_a), scores.bytes_per_row, memory_budget)
    device = scores.live_a.device
    everything = len(index_b) == scores.shape[1]
    dense = [scores.rows(index_a[block].to(device)).detach().cpu() for block in blocks]
    matrix = torch.cat([rows if everything else rows[:, index_b] for rows in dense])
    row, column = best_assignment(matrix)
    return index_a[row], index_b[column], matrix[row, column]
