"""Firing features with their magnitudes, and the activations that they sum up to."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Firings:
    """Sparse activations of the true features in consecutive samples.

    Attributes:
        feature: Id of the feature of each firing, sample by sample.
        magnitude: Magnitude of each firing.
        offsets: Index in ``feature`` at which each sample begins.
    """

    feature: Int[Tensor, " total"]
    magnitude: Float[Tensor, " total"]
    offsets: Int[Tensor, " n_samples"]

    @classmethod
    def of_cells(
        cls, cells: Int[np.ndarray, " n"], magnitude: Float[np.ndarray, " n"], n_samples: int, n_features: int
    ) -> "Firings":
        """Firings from ascending ``cells``, numbers ``sample * n_features + feature``."""
        starts = np.arange(n_samples, dtype=cells.dtype) * cells.dtype.type(n_features)
        offsets = np.searchsorted(cells, starts)
        sample = np.repeat(starts, np.diff(offsets, append=len(cells)))
        parts = cells - sample, magnitude, offsets.astype(cells.dtype)
        return cls(*(torch.from_numpy(part) for part in parts))

    @classmethod
    def concatenate(cls, parts: "list[Firings]") -> "Firings":
        """The samples of all ``parts``, in order."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0] + [len(part.feature) for part in parts[:-1]])
        return cls(
            torch.cat([part.feature for part in parts]),
            torch.cat([part.magnitude for part in parts]),
            torch.cat([part.offsets + int(start) for part, start in zip(parts, starts, strict=True)]),
        )

    def samples(self, rows: slice) -> "Firings":
        """The samples ``rows``, a slice with explicit start and stop."""
        if rows == slice(0, len(self.offsets)):
            return self
        bounds = torch.cat([self.offsets, self.offsets.new_tensor([len(self.feature)])])
        first, last = int(bounds[rows.start]), int(bounds[rows.stop])
        return Firings(self.feature[first:last], self.magnitude[first:last], self.offsets[rows] - first)

    def sum_rows(self, directions: Float[Tensor, "n_features d_in"]) -> Float[Tensor, "n_samples d_in"]:
        """Activations: each sample is the sum of its features' directions times their magnitudes."""
        return torch.nn.functional.embedding_bag(
            self.feature, directions, self.offsets, mode="sum", per_sample_weights=self.magnitude
        )
