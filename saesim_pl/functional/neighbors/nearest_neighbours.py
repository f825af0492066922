"""Nearest neighbours of every row among the other rows, and what two sets of them share."""

from typing import Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks
from saesim_pl.functional.ground.inputs import check_matrix, check_option, same_precision, unit_rows

NeighbourMetric = Literal["cosine", "euclidean"]


def nearest_neighbours(
    x: Float[Tensor, "n d"],
    k: int,
    metric: NeighbourMetric = "cosine",
    memory_budget: int = MEMORY_BUDGET,
) -> Int64[Tensor, "n k"]:
    """The ``k`` nearest other rows of every row, nearest first, ties by lower index. Exact.

    A zero row has cosine 0 with every row.

    Args:
        x: Rows.
        k: Neighbours of each row.
        metric: What near means.
        memory_budget: Bytes for temporaries.

    Raises:
        ValueError: ``k`` does not lie in [1, n - 1], or the metric is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import nearest_neighbours
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.2, 1.0]])
        >>> nearest_neighbours(x, k=1).tolist()
        [[1], [0], [3], [2]]
    """
    check_matrix("x", x)
    check_neighbours(len(x), k, metric)
    return neighbours_of_points(neighbour_points(x, metric), k, metric, memory_budget)


def check_neighbours(n: int, k: int, metric: str) -> None:
    """Refuse more neighbours than there are other rows, and unknown metrics."""
    if not 1 <= k < n:
        raise ValueError(f"k must lie in [1, n - 1]: got k={k} with n={n} rows")
    check_option("metric", metric, get_args(NeighbourMetric))


def neighbour_points(x: Float[Tensor, "n d"], metric: NeighbourMetric) -> Float[Tensor, "n d"]:
    """Rows as they are compared: scaled to unit length for cosine, centred for precision otherwise."""
    (x,) = same_precision(x)
    return unit_rows(x) if metric == "cosine" else x - x.mean(dim=0)


def neighbours_of_points(
    points: Float[Tensor, "n d"], k: int, metric: NeighbourMetric, memory_budget: int = MEMORY_BUDGET
) -> Int64[Tensor, "n k"]:
    """:func:`nearest_neighbours` of what :func:`neighbour_points` gives."""
    n = len(points)
    # |x - y|^2 orders the y as |y|^2 / 2 - x.y does, which needs no second pass over the block.
    offset = points.square().sum(dim=1) / 2 if metric == "euclidean" else None
    neighbours = torch.empty(n, k, dtype=torch.int64, device=points.device)
    blocks = list(row_blocks(n, 2 * n * points.element_size(), memory_budget))
    buffer = points.new_empty(blocks[0].stop, n)
    for block in blocks:
        nearness = torch.mm(points[block], points.T, out=buffer[: block.stop - block.start])
        if offset is not None:
            nearness -= offset
        nearness[:, block].fill_diagonal_(-torch.inf)
        neighbours[block] = _largest(nearness, k)
    return neighbours


def _largest(rows: Tensor, k: int) -> Tensor:
    """Columns of the ``k`` largest entries of each row, ties by lower index."""
    value, index = rows.topk(min(k + 1, rows.shape[1]), dim=1)
    tied = (value[:, 1:] == value[:, :-1]).any(dim=1).nonzero().squeeze(1)
    index = index[:, :k]
    if len(tied):
        index[tied] = _largest_of_tied(rows, tied, value[tied, :k], index[tied])
    return index


def _largest_of_tied(rows: Tensor, tied: Tensor, value: Tensor, index: Tensor) -> Tensor:
    """The lowest columns among those that equal the k-th value, after all larger ones, in order."""
    k, last = value.shape[1], value[:, -1:]
    columns = torch.arange(rows.shape[1], device=rows.device)
    lowest = torch.empty_like(index)
    for block in row_blocks(len(tied), 16 * rows.shape[1]):
        equal = rows[tied[block]] == last[block]
        lowest[block] = torch.where(equal, columns, len(columns)).topk(k, largest=False).values
    larger = value > last
    rank = (torch.arange(k, device=rows.device) - larger.sum(dim=1, keepdim=True)).clamp(min=0)
    index = torch.where(larger, index, lowest.gather(1, rank))
    by_index = index.argsort(dim=1)
    by_value = value.gather(1, by_index).sort(dim=1, descending=True, stable=True).indices
    return index.gather(1, by_index.gather(1, by_value))


def neighbour_overlap(
    neighbours_a: Int64[Tensor, "n k"], neighbours_b: Int64[Tensor, "n k"]
) -> Int64[Tensor, " n"]:
    """How many neighbours each row has in both sets.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import neighbour_overlap
        >>> neighbour_overlap(torch.tensor([[1, 2], [0, 2]]), torch.tensor([[2, 1], [3, 2]]))
        tensor([2, 1])
    """
    shared = torch.zeros(len(neighbours_a), dtype=torch.int64, device=neighbours_a.device)
    for column in neighbours_b.split(1, dim=1):
        shared += (neighbours_a == column).sum(dim=1)
    return shared


def permute_neighbours(
    neighbours: Int64[Tensor, "n k"], permutation: Int64[Tensor, " n"]
) -> Int64[Tensor, "n k"]:
    """Neighbours of the rows of ``x[permutation]``, given those of ``x``, without searching again.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import permute_neighbours
        >>> permute_neighbours(torch.tensor([[1], [2], [0]]), torch.tensor([2, 0, 1])).tolist()
        [[1], [2], [0]]
    """
    inverse = torch.empty_like(permutation)
    inverse[permutation] = torch.arange(len(permutation), device=permutation.device)
    # index_select runs in one thread, which at this size is faster than waking others.
    moved = neighbours.index_select(0, permutation)
    return inverse.index_select(0, moved.flatten()).view_as(moved)
