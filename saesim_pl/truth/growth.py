"""Firings in a hierarchy, from the roots down."""

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from saesim_pl.truth.dependence import Draw, Sampler
from saesim_pl.truth.hierarchy import Forest


class Growth:
    """Adds the firing descendants to a draw of roots.

    Args:
        forests: Hierarchy of each stream; they differ only in which features are roots.
    """

    def __init__(self, forests: list[Forest]) -> None:
        # One forest serves all streams: in a stream without the parent or the child, the child does not fire.
        whose = np.max([forest.parents for forest in forests], axis=0)
        self.exclusive = np.any([forest.exclusive for forest in forests], axis=0)
        children = np.flatnonzero(whose >= 0)
        self.children = children[np.argsort(whose[children], kind="stable")]
        self.counts = np.bincount(whose[children], minlength=len(whose))
        self.first = np.cumsum(self.counts) - self.counts

    def grow(self, draw: Draw, sampler: Sampler, rng: np.random.Generator) -> Draw:
        """The draw together with all firing descendants of its features."""
        cells, kept = [draw.cells], [draw.kept]
        while len(cells[-1]):
            below = self._below(cells[-1], kept[-1], draw.causes, sampler, rng)
            cells.append(below[0])
            kept.append(below[1])
        return _merged(np.concatenate(cells), np.concatenate(kept, axis=1))

    def _below(
        self,
        cells: Int[np.ndarray, " n"],
        kept: Bool[np.ndarray, "n_streams n"],
        causes: Float[Tensor, "rank n_samples"] | None,
        sampler: Sampler,
        rng: np.random.Generator,
    ) -> tuple[Int[np.ndarray, " m"], Bool[np.ndarray, "n_streams m"]]:
        """Firing children of ``cells``, with a mask by stream."""
        feature = cells % len(self.counts)
        counts = self.counts[feature]
        parent = np.repeat(np.arange(len(cells)), counts)
        within = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
        child = self.children[self.first[feature[parent]] + within]
        asked = cells[parent] + (child - feature[parent]).astype(cells.dtype)
        fires = sampler.fires(asked, causes, rng) & kept[:, parent]
        rivals = self.exclusive[feature[parent]]
        if rivals.any():
            fires &= _winners(fires, parent, rng.random(len(child))) | ~rivals
        fired = fires.any(0)
        return asked[fired], fires[:, fired]


def _winners(
    fires: Bool[np.ndarray, "n_streams n"], group: Int[np.ndarray, " n"], priority: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, "n_streams n"]:
    """In each group of consecutive cells, the firing one of highest priority.

    All streams use the same priorities, so that they agree where they can.
    """
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    own = np.where(fires, priority, -1)
    greatest = np.maximum.reduceat(own, starts, axis=1)
    return own == np.repeat(greatest, np.diff(starts, append=len(group)), axis=1)


def _merged(cells: Int[np.ndarray, " n"], kept: Bool[np.ndarray, "n_streams n"]) -> Draw:
    """The cells in ascending order, without duplicates."""
    order = np.argsort(cells, kind="stable")
    cells, kept = cells[order], kept[:, order]
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    if len(first) < len(cells):
        cells, kept = cells[first], np.logical_or.reduceat(kept, first, axis=1)
    return Draw(cells, kept)
