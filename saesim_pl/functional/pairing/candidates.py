"""Assignment among the best candidates of each row and column, where an exact one would be too large."""

import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from torch import Tensor

from saesim_pl.functional.ground.blocks import row_blocks
from saesim_pl.functional.pairing.best_matches import Pairs
from saesim_pl.functional.pairing.scores import Scores

N_CANDIDATES = 32


def best_candidates(
    scores: Scores, index_a: Tensor, index_b: Tensor, memory_budget: int, n_candidates: int = N_CANDIDATES
) -> Pairs:
    """Pairs that are among the best of their row or of their column, each once, sorted by row.

    Args:
        scores: Scores to maximize.
        index_a: Rows to consider, on the CPU.
        index_b: Columns to consider, on the CPU.
        memory_budget: Bytes for temporaries.
        n_candidates: Number of candidates of each row and of each column.
    """
    n_b, device = len(index_b), scores.live_a.device
    everything = n_b == scores.shape[1]
    of_rows: list[Tensor] = []
    # Best scores of each column so far and their rows.
    best = torch.empty(n_b, 0, dtype=scores.dtype, device=device)
    best_row = torch.empty(n_b, 0, dtype=torch.int64, device=device)
    # Large blocks, since each of them costs a merge of all columns' candidates.
    for block in row_blocks(len(index_a), 2 * scores.bytes_per_row, memory_budget, largest=memory_budget):
        rows = scores.rows(index_a[block].to(device))
        rows = rows if everything else rows[:, index_b.to(device)]
        of_rows.append(_edges(*rows.topk(min(n_candidates, n_b), dim=1), block.start, n_b))
        value, row = rows.T.contiguous().topk(min(n_candidates, len(rows)), dim=1)
        merged = torch.cat([best, value], dim=1)
        best, kept = merged.topk(min(n_candidates, merged.shape[1]), dim=1)
        best_row = torch.cat([best_row, row + block.start], dim=1).gather(1, kept)
    column = torch.arange(n_b, device=device)[:, None]
    of_columns = torch.stack([(best_row * n_b + column).double().flatten(), best.double().flatten()])
    key, score = torch.cat([*of_rows, of_columns], dim=1).cpu()
    key, first = _first_of_each(key.long())
    return index_a[key // n_b], index_b[key % n_b], score[first]


def _edges(value: Tensor, column: Tensor, first_row: int, n_b: int) -> Tensor:
    row = torch.arange(first_row, first_row + len(value), device=value.device)[:, None]
    # Positions stay exact in float64 up to 2^53 pairs.
    return torch.stack([(row * n_b + column).double().flatten(), value.double().flatten()])


def _first_of_each(key: Tensor) -> tuple[Tensor, Tensor]:
    key, order = key.sort(stable=True)
    first = torch.cat([torch.ones(1, dtype=torch.bool), key[1:] != key[:-1]])
    return key[first], order[first]


def assign_candidates(index_a: Tensor, index_b: Tensor, score: Tensor) -> Pairs:
    """One-to-one pairs among the candidates: as many as possible, and of these the highest sum."""
    rows, row = index_a.unique(return_inverse=True)
    columns, column = index_b.unique(return_inverse=True)
    n_a, n_b = len(rows), len(columns)
    # A matching of all rows need not exist: each row also has a stand-in of its own, which costs more
    # than any chain of exchanges among candidates could save.
    spread = float(score.max() - score.min()) + 1
    stand_in = torch.full((n_a,), 2 * spread * min(n_a, n_b), dtype=torch.float64)
    cost = torch.cat([score.max() - score + spread, stand_in])
    row_of = torch.cat([row, torch.arange(n_a)])
    column_of = torch.cat([column, n_b + torch.arange(n_a)])
    graph = csr_array((cost.numpy(), (row_of.numpy(), column_of.numpy())), shape=(n_a, n_a + n_b))
    row, column = (torch.as_tensor(x, dtype=torch.int64) for x in min_weight_full_bipartite_matching(graph))
    row, column = row[column < n_b], column[column < n_b]
    key = (row_of * (n_a + n_b) + column_of)[: len(score)]
    position = torch.searchsorted(key, row * (n_a + n_b) + column)
    return rows[row], columns[column], score[position]
