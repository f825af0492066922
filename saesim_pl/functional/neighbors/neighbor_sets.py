"""Nearest neighbors with their ties, and the expected overlap of two sets over all ways to break ties."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from saesim_pl.functional.neighbors.ties import Ties, no_group, places


@dataclass(frozen=True)
class NeighborSets:
    """The ``k`` nearest other rows of every row.

    Attributes:
        index: Nearest first, ties by lower index.
        tied: Rows whose neighbors, or the order of these, depend on how ties are broken.
        ties: All neighbors with their groups, or None where no row is tied.
    """

    index: Int64[Tensor, "n k"]
    tied: Bool[Tensor, " n"]
    ties: Ties | None = None

    def permuted(self, order: Int64[Tensor, " n"]) -> "NeighborSets":
        """Neighbors of the rows of ``x[order]`` from the neighbors of ``x``, without a new search."""
        index, tied = permute_neighbours(self.index, order), self.tied[order]
        if self.ties is None:
            return NeighborSets(index, tied)
        inverse = torch.empty_like(order)
        inverse[order] = torch.arange(len(order), device=order.device)
        entry, first = _entries_of(self.ties.first, order)
        column = inverse[self.ties.column[entry]]
        ties = Ties(first, column, self.ties.group[entry], self.ties.base[order], in_order=False)
        return NeighborSets(index, tied, ties)

    def memberships(self, rows: Int64[Tensor, " m"]) -> Float[Tensor, "m n"]:
        """Probability that each row is a neighbor of each of some rows."""
        chosen = _chosen(self, rows)
        (start, stop, size), (low, high, many) = chosen.group.unbind(1), chosen.base.unbind(1)
        probability = ((high - low) / many)[:, None].repeat(1, len(self.index)).double()
        probability.view(-1)[chosen.key] = (stop - start).double() / size
        probability[torch.arange(len(rows), device=rows.device), rows] = 0
        return probability


def permute_neighbours(
    neighbours: Int64[Tensor, "n k"], permutation: Int64[Tensor, " n"]
) -> Int64[Tensor, "n k"]:
    """Neighbors of the rows of ``x[permutation]`` from the neighbors of ``x``, without a new search.

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


def neighbour_overlap(
    neighbours_a: Int64[Tensor, "n k"], neighbours_b: Int64[Tensor, "n k"]
) -> Int64[Tensor, " n"]:
    """How many neighbors each row has in both sets.

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


def expected_overlap(a: NeighborSets, b: NeighborSets) -> Float[Tensor, " n"]:
    """Expected number of neighbors that each row has in both sets, with ties broken at random."""
    shared = neighbour_overlap(a.index, b.index).double()
    k = a.index.shape[1]
    return with_expected(shared, a, b, torch.ones(k, k, dtype=torch.float64))


def with_expected(
    values: Float[Tensor, " n"], a: NeighborSets, b: NeighborSets, weights: Float[Tensor, "k k"]
) -> Float[Tensor, " n"]:
    """``values``, with each tied row's value replaced by its :func:`expected_weight`."""
    rows = (a.tied | b.tied).nonzero().squeeze(1)
    return values.index_copy(0, rows, expected_weight(a, b, weights, rows)) if len(rows) else values


def expected_weight(
    a: NeighborSets, b: NeighborSets, weights: Float[Tensor, "k k"], rows: Int64[Tensor, " m"]
) -> Float[Tensor, " m"]:
    """Sum over common neighbors of the weight of their two places, averaged over all ways to break ties.

    The ties of the two sides are broken independently, so the average of a product is the product of
    averages. Each side's averages are its base plus, at few columns, a difference; the four products of
    these are summed separately.

    Args:
        a: Neighbors on one side.
        b: Neighbors on the other.
        weights: Symmetric weight of places r and r'.
        rows: Rows to compute.
    """
    n, k = a.index.shape
    side_a, side_b = _chosen(a, rows), _chosen(b, rows)
    if not side_a.in_order:
        side_a, side_b = (side_b, side_a) if side_b.in_order else (side_a.sorted(), side_b)
    place = torch.searchsorted(side_a.key, side_b.key)
    both = (place < len(side_a.key)).nonzero().squeeze(1)
    both = both[side_a.key[place[both]] == side_b.key[both]]
    row = side_b.key[both] // n
    x, y = side_a.group[place[both]], side_b.group[both]
    u, v = side_a.base[row], side_b.base[row]
    mean = _MeanWeight(weights.to(a.index.device))
    differences = mean(x, y) - mean(x, v) - mean(u, y) + mean(u, v)
    # Each place is taken by one row, so that a side's averages over all other rows sum up to 1 a place.
    every, u, v = torch.tensor([[0, k, 1]], device=rows.device), side_a.base, side_b.base
    constant = mean(u, every) + mean(every, v) - (n - 1) * mean(u, v)
    return constant.index_add(0, row, differences)


class _MeanWeight:
    """Mean weight over the places of a group on each side."""

    def __init__(self, weights: Float[Tensor, "k k"]) -> None:
        # Sums over rectangles of places come from sums over all lower ones.
        sums = torch.nn.functional.pad(weights.cumsum(dim=0).cumsum(dim=1), (1, 0, 1, 0))
        self._width, self._sums = len(sums), sums.flatten()

    def __call__(self, a: Int64[Tensor, "m 3"], b: Int64[Tensor, "m 3"]) -> Float[Tensor, " m"]:
        (start_a, stop_a, size_a), (start_b, stop_b, size_b) = a.unbind(1), b.unbind(1)
        low, high = start_a * self._width, stop_a * self._width
        total = self._sums[high + stop_b] - self._sums[low + stop_b]
        total += self._sums[low + start_b] - self._sums[high + start_b]
        return total / (size_a * size_b)


@dataclass(frozen=True)
class _Chosen:
    """Entries of some rows, keyed by the row's position among them and the column."""

    key: Int64[Tensor, " entries"]
    group: Int64[Tensor, "entries 3"]
    base: Int64[Tensor, "m 3"]
    in_order: bool

    def sorted(self) -> "_Chosen":
        key, order = self.key.sort()
        return _Chosen(key, self.group[order], self.base, True)


def _chosen(sets: NeighborSets, rows: Int64[Tensor, " m"]) -> _Chosen:
    n, ties = len(sets.index), sets.ties or _without_ties(sets.index)
    entry, first = _entries_of(ties.first, rows)
    number = torch.arange(len(rows), device=rows.device).repeat_interleave(first.diff())
    return _Chosen(number * n + ties.column[entry], ties.group[entry], ties.base[rows], ties.in_order)


def _without_ties(index: Int64[Tensor, "n k"]) -> Ties:
    n, k = index.shape
    first = torch.arange(0, n * k + 1, k, device=index.device)
    return Ties(
        first, index.flatten(), places(k, index.device).repeat(n, 1), no_group(n, index.device), False
    )


def _entries_of(first: Int64[Tensor, " n+1"], rows: Int64[Tensor, " m"]) -> tuple[Tensor, Tensor]:
    """Entries of some rows, one row after the other, and the entry at which each row begins."""
    counts = first[rows + 1] - first[rows]
    begins = torch.nn.functional.pad(counts.cumsum(dim=0), (1, 0))
    shift = (first[rows] - begins[:-1]).repeat_interleave(counts)
    return shift.add_(torch.arange(len(shift), device=rows.device)), begins
