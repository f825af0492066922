"""The nearest rows and their ties, from the candidates of a search with rounding errors."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import row_blocks
from saesim_pl.functional.neighbors.neighbor_sets import NeighborSets
from saesim_pl.functional.neighbors.points import Points
from saesim_pl.functional.neighbors.ties import Ties, no_group, places


class NearRows:
    """Collects the candidates of all rows, and settles in float64 the cases that rounding left undecided.

    Args:
        points: Positions of the rows.
        k: Neighbors of each row.
        memory_budget: Bytes for temporaries.
    """

    def __init__(self, points: Points, k: int, memory_budget: int) -> None:
        n, device = len(points.rows), points.rows.device
        self._points, self._k, self._budget = points, k, memory_budget
        self._norm = (2 * points.offset).sqrt()
        self._longest = self._norm.max()
        self._index = torch.empty(n, k, dtype=torch.int64, device=device)
        self._tied = torch.zeros(n, dtype=torch.bool, device=device)
        self._base = no_group(n, device)
        self._entries: list[tuple[Tensor, Tensor]] = []
        self._whole: Tensor | None = None

    def add(self, block: slice, nearness: Float[Tensor, "m c"], index: Int64[Tensor, "m c"]) -> None:
        """Decide the neighbors of a block of rows from its candidates, which are given nearest first."""
        k, n = self._k, len(self._index)
        self._index[block] = index[:, :k]
        norm = self._norm[block]
        error = self._error(norm, nearness[:, k - 1].double(), nearness.dtype)
        gap = nearness[:, :-1] - nearness[:, 1:]
        open_rows = (gap[:, :k] <= 2 * error[:, None]).any(dim=1).nonzero().squeeze(1)
        if not len(open_rows):
            return
        rows = open_rows + block.start
        margin = (nearness[:, k - 1] - nearness[:, -1])[open_rows]
        enough = (margin > 2 * error[open_rows]) | (nearness.shape[1] == n - 1)
        self._settle_among(rows[enough], index[open_rows[enough]])
        self._settle_among_all(rows[~enough])

    def _error(self, norm: Tensor, nearness: Tensor, dtype: torch.dtype) -> Tensor:
        """Error bound of the nearness of a k-th neighbor and of any row that could replace it."""
        distance = (norm.square() - 2 * nearness).clamp(min=0).sqrt()
        reach = torch.minimum(self._longest, 2 * (norm + distance))
        return self._points.error(reach, norm, dtype)

    def _settle_among(self, rows: Int64[Tensor, " m"], candidates: Int64[Tensor, "m c"]) -> None:
        width = self._points.rows.shape[1]
        for part in row_blocks(len(rows), 16 * width * (candidates.shape[1] + 1), self._budget):
            # By ascending column, which a stable sort keeps among equals.
            column = candidates[part].sort(dim=1).values
            some = self._points.exact(rows[part])
            others = self._points.exact(column.flatten()).view(*column.shape, width)
            nearness = torch.einsum("md,mcd->mc", some, others) - self._points.offset[column]
            nearness, order = nearness.sort(dim=1, descending=True)
            self._settle(rows[part], nearness, column.gather(1, order), None)

    def _settle_among_all(self, rows: Int64[Tensor, " m"]) -> None:
        if not len(rows):
            return
        if self._whole is None:
            self._whole = self._points.exact(slice(None))
        n = len(self._whole)
        n_candidates = min(self._k + 1, n - 1)
        for part in row_blocks(len(rows), 32 * n, self._budget):
            nearness = self._whole[rows[part]] @ self._whole.T
            nearness -= self._points.offset
            nearness.scatter_(1, rows[part, None], -torch.inf)
            value, column = nearness.topk(n_candidates, dim=1)
            self._settle(rows[part], value, column, nearness)

    def _settle(self, rows: Tensor, value: Tensor, column: Tensor, nearness: Tensor | None) -> None:
        """Order candidates, nearest first; ``nearness`` covers all rows if candidates may be too few."""
        tolerance = 2 * self._error(self._norm[rows], value[:, self._k - 1], torch.float64)[:, None]
        starts = torch.nn.functional.pad(value[:, :-1] - value[:, 1:] > tolerance, (1, 0), value=True)
        # Ties by lower index, whatever the last bits say.
        column = column.gather(1, (starts.cumsum(dim=1) * len(self._index) + column).argsort(dim=1))
        self._index[rows] = column[:, : self._k]
        tied = (~starts[:, : self._k + 1]).any(dim=1)
        if tied.any():
            nearness = None if nearness is None else nearness[tied]
            self._keep_ties(rows[tied], value[tied], column[tied], starts[tied], nearness, tolerance[tied])

    def _keep_ties(
        self,
        rows: Int64[Tensor, " m"],
        value: Float[Tensor, "m c"],
        column: Int64[Tensor, "m c"],
        starts: Bool[Tensor, "m c"],
        nearness: Float[Tensor, "m n"] | None,
        tolerance: Float[Tensor, "m 1"],
    ) -> None:
        group = _groups(starts)
        last = group[:, self._k - 1]
        sure = torch.arange(column.shape[1], device=rows.device) < last[:, :1]
        if nearness is None:
            member = ~sure & (group[:, :, 0] == last[:, :1])
            place = rows[:, None].expand_as(column)[member], column[member]
        else:
            highest, lowest = value.gather(1, last[:, :1]), value.gather(1, last[:, 1:2] - 1)
            member = (nearness >= lowest - tolerance) & (nearness <= highest)
            last[:, 2] = member.sum(dim=1)
            self._index[rows] = _lowest_members(member, column[:, : self._k], last[:, 0])
            many = last[:, 2] > nearness.shape[1] // 2
            self._keep_outside(rows[many], (nearness < lowest - tolerance)[many], last[many])
            member &= ~many[:, None]
            number, other = member.nonzero(as_tuple=True)
            place = rows[number], other
        last[:, 1] = self._k
        self._tied[rows] = True
        self._keep(rows[:, None].expand_as(column)[sure], column[sure], group[sure])
        number = member.nonzero(as_tuple=True)[0]
        self._keep(*place, last[number])

    def _keep_outside(self, rows: Tensor, outside: Tensor, last: Tensor) -> None:
        """If the last group holds most rows, it becomes the base and the rows outside it are kept."""
        outside[torch.arange(len(rows), device=rows.device), rows] = False
        number, other = outside.nonzero(as_tuple=True)
        self._keep(rows[number], other, no_group(len(other), rows.device))
        self._base[rows] = last.clone()
        self._base[rows, 1] = self._k

    def _keep(self, rows: Tensor, column: Tensor, group: Tensor) -> None:
        self._entries.append((rows * len(self._index) + column, group))

    def sets(self) -> NeighborSets:
        """Neighbors of all rows."""
        if not self._entries:
            return NeighborSets(self._index, self._tied)
        n, device = len(self._index), self._index.device
        rows = (~self._tied).nonzero()
        groups = places(self._k, device).repeat(len(rows), 1)
        self._keep(rows.expand(-1, self._k).flatten(), self._index[rows[:, 0]].flatten(), groups)
        key, order = torch.cat([key for key, _ in self._entries]).sort()
        group = torch.cat([group for _, group in self._entries])[order]
        first = torch.searchsorted(key, torch.arange(n + 1, device=device) * n)
        return NeighborSets(self._index, self._tied, Ties(first, key % n, group, self._base))


def _groups(starts: Bool[Tensor, "m c"]) -> Int64[Tensor, "m c 3"]:
    """Start, stop and size of the group of every place."""
    width = starts.shape[1]
    place = torch.arange(width, device=starts.device).expand_as(starts)
    start = place.where(starts, 0).cummax(dim=1).values
    ends = torch.nn.functional.pad(starts[:, 1:], (0, 1), value=True)
    stop = (place + 1).where(ends, width).flip(1).cummin(dim=1).values.flip(1)
    return torch.stack([start, stop, stop - start], dim=2)


def _lowest_members(member: Tensor, column: Tensor, n_sure: Tensor) -> Tensor:
    """Sure neighbors, then the members of the last group with the lowest index."""
    k, n = column.shape[1], member.shape[1]
    lowest = torch.where(member, torch.arange(n, device=member.device), n).topk(k, largest=False).values
    place = torch.arange(k, device=member.device) - n_sure[:, None]
    return column.where(place < 0, lowest.sort(dim=1).values.gather(1, place.clamp(min=0)))
