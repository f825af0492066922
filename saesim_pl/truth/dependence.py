"""Which features fire together: the interface of all laws, and independent firing."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from saesim_pl.truth.categorical import Categorical


@dataclass(frozen=True)
class Draw:
    """Firings in consecutive samples, in at least one of the streams that share the draw.

    Attributes:
        cells: Firings as ascending numbers ``sample * n_features + feature``.
        kept: By stream, which of these firings occur in it.
        causes: Common causes of the features of a sample, one column for each sample; None if features have
            no common causes.
    """

    cells: Int[np.ndarray, " n"]
    kept: Bool[np.ndarray, "n_streams n"]
    causes: Float[Tensor, "rank n_samples"] | None = None


class Sampler(ABC):
    """Draws firings for streams that share a draw but may have different rates.

    Streams agree as far as their rates allow: if a feature fires in the stream with the lower rate, it also
    fires in the other stream.
    """

    @abstractmethod
    def draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        """Firings in ``n_samples`` samples, of all features except those on request."""

    @abstractmethod
    def fires(
        self,
        cells: Int[np.ndarray, " n"],
        causes: Float[Tensor, "rank n_samples"] | None,
        rng: np.random.Generator,
    ) -> Bool[np.ndarray, "n_streams n"]:
        """Whether features on request fire at ``cells``, given the ``causes`` of the draw."""


@dataclass(frozen=True)
class FiringRates:
    """Requested firing rates of features in streams that share a draw.

    Attributes:
        rates: Probability that a feature fires, by stream; 0 where a stream lacks the feature.
        clusters: Cluster of each feature's direction, -1 if it has no cluster.
        on_request: Features that are not drawn for every sample, because a hierarchy asks for few of them.
    """

    rates: Float[np.ndarray, "n_streams n_features"]
    clusters: Int[np.ndarray, " n_features"]
    on_request: Bool[np.ndarray, "n_streams n_features"]


class Dependence(ABC):
    """Law of which features fire together, given how often each one fires."""

    @abstractmethod
    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """A sampler of firings.

        Args:
            wanted: Requested rates.
            rng: Generator for the random parts of the law itself.

        Raises:
            ValueError: The law cannot have such rates.
        """


class Independent(Dependence):
    """Features fire independently of each other.

    A feature fires with probability p if a Poisson process of rate -log(1 - p) has at least one arrival. So
    the arrivals of all features are drawn together and duplicates are dropped. The time grows with the number
    of arrivals, not with ``n_samples * n_features``.
    """

    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """A sampler of independent firings.

        Raises:
            ValueError: A rate of 1 or above.
        """
        drawn = np.where(wanted.on_request, 0, wanted.rates)
        if drawn.max() >= 1:
            raise ValueError(f"firing rates of independent features must be below 1, got {drawn.max():.3g}")
        return _Arrivals(wanted.rates, drawn)


class _Arrivals(Sampler):
    """Arrivals at the highest rate of all streams; each stream keeps a share, its own rate over it."""

    def __init__(
        self,
        rates: Float[np.ndarray, "n_streams n_features"],
        drawn: Float[np.ndarray, "n_streams n_features"],
    ) -> None:
        self.rates = rates
        arrivals = -np.log1p(-drawn)
        fastest = arrivals.max(axis=0)
        never = fastest == 0
        self.keep = np.where(never, 1, arrivals / np.where(never, 1, fastest)).astype(np.float32)
        self.arrivals_per_sample = fastest.sum()
        self.which = Categorical(fastest)

    def draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        n_features = self.keep.shape[1]
        counts = rng.poisson(self.arrivals_per_sample, n_samples)
        feature = self.which.draw(counts.sum(), rng)
        cell = sample_starts(n_samples, n_features).repeat(counts) + feature
        cell.sort()
        first = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]])) if len(cell) else cell
        if self.keep.min() == 1:
            return Draw(cell[first], np.ones((len(self.keep), len(first)), dtype=bool))
        chosen = rng.random(len(cell), dtype=np.float32)
        kept = [np.logical_or.reduceat(chosen < keep[cell % n_features], first) for keep in self.keep]
        return Draw(cell[first], np.stack(kept))

    def fires(
        self,
        cells: Int[np.ndarray, " n"],
        causes: Float[Tensor, "rank n_samples"] | None,
        rng: np.random.Generator,
    ) -> Bool[np.ndarray, "n_streams n"]:
        return rng.random(len(cells)) < self.rates[:, cells % self.rates.shape[1]]


def sample_starts(n_samples: int, n_features: int) -> Int[np.ndarray, " n_samples"]:
    """First cell of each sample; in 32 bits if they suffice, because these sort twice as fast."""
    kind = np.int32 if n_samples * n_features < 2**31 else np.int64
    return np.arange(0, n_samples * n_features, n_features, dtype=kind)
