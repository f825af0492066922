"""Firings with their magnitudes."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from saesim_pl.truth.dependence import Draw, Sampler
from saesim_pl.truth.firings import Firings
from saesim_pl.truth.growth import Growth
from saesim_pl.truth.hierarchy import Forest, scale_by_parents
from saesim_pl.truth.magnitudes import Magnitudes


class FiringSampler:
    """Draws firings with magnitudes for streams that share a draw; a shared firing has one magnitude.

    Args:
        sampler: Draws which features fire.
        magnitudes: How strongly features fire; already prepared.
        forests: Hierarchy of each stream; None for no hierarchy.
        scale_children: Whether a child's magnitude is scaled by its parent's.
    """

    def __init__(
        self,
        sampler: Sampler,
        magnitudes: Magnitudes,
        forests: list[Forest] | None = None,
        scale_children: bool = False,
    ) -> None:
        self.sampler, self.magnitudes = sampler, magnitudes
        self.forests, self.scale_children = forests, scale_children
        self.growth = Growth(forests) if forests else None

    def draw(self, n_samples: int, rng: np.random.Generator) -> list[Firings]:
        """Firings in ``n_samples`` samples, one entry for each stream."""
        draw = self._draw(n_samples, rng)
        n_features = len(self.magnitudes.scales)
        magnitude = self.magnitudes.draw(draw.cells % n_features, rng)
        firings = []
        for i, kept in enumerate(draw.kept):
            cells, own = (draw.cells, magnitude) if kept.all() else (draw.cells[kept], magnitude[kept])
            if self.forests and self.scale_children:
                own = scale_by_parents(cells, own, self.magnitudes.means, self.forests[i])
            firings.append(Firings.of_cells(cells, own, n_samples, n_features))
        return firings

    def frequencies(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Share of ``n_samples`` samples in which each feature fires, by stream."""
        draw = self._draw(n_samples, rng)
        n_features = len(self.magnitudes.scales)
        counts = [np.bincount(draw.cells[kept] % n_features, minlength=n_features) for kept in draw.kept]
        return np.stack(counts) / n_samples

    def _draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        with _one_thread():
            draw = self.sampler.draw(n_samples, rng)
            return self.growth.grow(draw, self.sampler, rng) if self.growth else draw


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread: the products of a draw are small, and on a busy machine threads wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
