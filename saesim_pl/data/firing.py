"""Which features fire, how strongly, and the activations they sum up to."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

MagnitudeLaw = Literal["constant", "uniform", "half_normal", "exponential"]


def draw_magnitudes(law: MagnitudeLaw, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` magnitudes with mean square 1, so that laws differ in shape and not in signal power.

    Raises:
        ValueError: Unknown law.
    """
    match law:
        case "constant":
            return np.ones(n, dtype=np.float32)
        case "uniform":
            return np.sqrt(np.float32(3)) * rng.random(n, dtype=np.float32)
        case "half_normal":
            return np.abs(rng.standard_normal(n, dtype=np.float32))
        case "exponential":
            return rng.standard_exponential(n, dtype=np.float32) / np.sqrt(np.float32(2))
    raise ValueError(f"magnitude must be one of {get_args(MagnitudeLaw)}, got {law!r}")


class Categorical:
    """Draws indices in proportion to ``weights`` in constant time each (Vose's alias method, 1991).

    Args:
        weights: Not negative, at least one positive.
    """

    def __init__(self, weights: Float[np.ndarray, " n"]) -> None:
        n = len(weights)
        self.share = weights * (n / weights.sum())
        self.alias = np.arange(n, dtype=np.int32)
        small, large = list(np.flatnonzero(self.share < 1)), list(np.flatnonzero(self.share >= 1))
        while small and large:
            needy, donor = small.pop(), large[-1]
            self.alias[needy] = donor
            self.share[donor] -= 1 - self.share[needy]
            if self.share[donor] < 1:
                small.append(large.pop())
        self.share = self.share.astype(np.float32)

    def draw(self, n: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """``n`` independent indices."""
        index = rng.integers(len(self.share), size=n, dtype=np.int32)
        return np.where(rng.random(n, dtype=np.float32) < self.share[index], index, self.alias[index])


@dataclass(frozen=True)
class Firings:
    """Sparse activations of the true features over a run of samples.

    Attributes:
        feature: Row of the feature, sample after sample.
        magnitude: Its magnitude.
        offsets: Where each sample begins in ``feature``.
    """

    feature: Int[Tensor, " total"]
    magnitude: Float[Tensor, " total"]
    offsets: Int[Tensor, " n_samples"]

    @classmethod
    def concatenate(cls, parts: "list[Firings]") -> "Firings":
        """Samples of all ``parts``, one after the other."""
        starts = np.cumsum([0] + [len(part.feature) for part in parts[:-1]])
        return cls(
            torch.cat([part.feature for part in parts]),
            torch.cat([part.magnitude for part in parts]),
            torch.cat([part.offsets + int(start) for part, start in zip(parts, starts, strict=True)]),
        )

    def samples(self, rows: slice) -> "Firings":
        """The samples ``rows``, a range with both ends."""
        bounds = torch.cat([self.offsets, self.offsets.new_tensor([len(self.feature)])])
        first, last = int(bounds[rows.start]), int(bounds[rows.stop])
        return Firings(self.feature[first:last], self.magnitude[first:last], self.offsets[rows] - first)

    def sum_rows(self, directions: Float[Tensor, "n_features d_in"]) -> Float[Tensor, "n_samples d_in"]:
        """Activations: each sample is the sum of its features' directions times their magnitudes."""
        return torch.nn.functional.embedding_bag(
            self.feature, directions, self.offsets, mode="sum", per_sample_weights=self.magnitude
        )


class FiringSampler:
    """Draws independent firings at given rates for streams that see the same draw.

    A feature that is on with probability p in each sample is a Poisson process of rate -log(1 - p) that
    has at least one arrival. So the arrivals of all features together are drawn at once, in time
    proportional to how many there are and not to ``n_samples * n_features``, and duplicates are dropped.
    Streams with different rates for one feature keep arrivals of the fastest with probability in
    proportion to their own: each gets its rate exactly, and what both keep they share, magnitude included.

    Args:
        rates: Probability that a feature is on, by stream; 0 where a stream lacks the feature.
        magnitude: Law of the magnitudes.

    Raises:
        ValueError: A rate outside [0, 1).
    """

    def __init__(self, rates: Float[np.ndarray, "n_streams n_features"], magnitude: MagnitudeLaw) -> None:
        if rates.min() < 0 or rates.max() >= 1:
            raise ValueError(f"firing rates must lie in [0, 1), got {rates.min():.3g} to {rates.max():.3g}")
        arrivals = -np.log1p(-rates)
        fastest = arrivals.max(axis=0)
        never = fastest == 0
        self.keep = np.where(never, 1, arrivals / np.where(never, 1, fastest)).astype(np.float32)
        self.arrivals_per_sample = fastest.sum()
        self.which = Categorical(fastest)
        self.magnitude = magnitude

    def draw(self, n_samples: int, rng: np.random.Generator) -> list[Firings]:
        """Firings of ``n_samples`` samples, one entry a stream."""
        n_features = self.keep.shape[1]
        counts = rng.poisson(self.arrivals_per_sample, n_samples)
        feature = self.which.draw(counts.sum(), rng)
        # One sortable number per (sample, feature); 32 bits sort twice as fast and hold 2^31 of them.
        kind = np.int32 if n_samples * n_features < 2**31 else np.int64
        cell = np.repeat(np.arange(0, n_samples * n_features, n_features, dtype=kind), counts) + feature
        cell.sort()
        new = _is_new(cell)
        magnitude = draw_magnitudes(self.magnitude, new.sum(), rng)
        if self.keep.min() == 1:
            firings = _firings(cell[new], magnitude, n_samples, n_features)
            return [firings] * len(self.keep)
        magnitude = magnitude[np.cumsum(new) - 1]
        chosen = rng.random(len(cell), dtype=np.float32)
        kept = (np.flatnonzero(chosen < keep[cell % n_features]) for keep in self.keep)
        kept = [k[_is_new(cell[k])] for k in kept]
        return [_firings(cell[k], magnitude[k], n_samples, n_features) for k in kept]


def _is_new(cell: Int[np.ndarray, " n"]) -> np.ndarray:
    """Mask of the first arrival in each cell of a sorted array."""
    new = np.ones(len(cell), dtype=bool)
    np.not_equal(cell[1:], cell[:-1], out=new[1:])
    return new


def _firings(cell: np.ndarray, magnitude: np.ndarray, n_samples: int, n_features: int) -> Firings:
    sample, feature = np.divmod(cell, cell.dtype.type(n_features))
    offsets = np.searchsorted(sample, np.arange(n_samples, dtype=cell.dtype)).astype(cell.dtype)
    return Firings(*(torch.from_numpy(part) for part in (feature, magnitude, offsets)))
