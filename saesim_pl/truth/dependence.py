"""Which features fire together: what every law says, and the law of none."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from saesim_pl.truth.categorical import Categorical


@dataclass(frozen=True)
class Draw:
    """What fired in a run of samples, in any of the streams that see the draw.

    Attributes:
        cells: Ascending numbers ``sample * n_features + feature``.
        kept: By stream, which of them fired there.
        causes: What the features of a sample have in common, a column a sample, if anything.
    """

    cells: Int[np.ndarray, " n"]
    kept: Bool[np.ndarray, "n_streams n"]
    causes: Float[Tensor, "rank n_samples"] | None = None


class Sampler(ABC):
    """Draws firings for streams that see the same draw, each at rates of its own.

    What two streams have in common they share as far as their rates allow: where a feature fires in the
    stream that has it less often, it also fires in the other.
    """

    @abstractmethod
    def draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        """Firings of ``n_samples`` samples, of all features but those that fire on request."""

    @abstractmethod
    def fires(
        self,
        cells: Int[np.ndarray, " n"],
        causes: Float[Tensor, "rank n_samples"] | None,
        rng: np.random.Generator,
    ) -> Bool[np.ndarray, "n_streams n"]:
        """Whether features fire that were left out of the draw that had these ``causes``."""


@dataclass(frozen=True)
class FiringRates:
    """How often features are to fire in streams that see the same draw.

    Attributes:
        rates: Probability that a feature is on, by stream; 0 where a stream lacks the feature.
        clusters: Cluster of each feature's direction, -1 for none.
        on_request: Features that are not drawn for every sample, since a hierarchy asks for few of them.
    """

    rates: Float[np.ndarray, "n_streams n_features"]
    clusters: Int[np.ndarray, " n_features"]
    on_request: Bool[np.ndarray, "n_streams n_features"]


class Dependence(ABC):
    """Says which features fire together, given how often each one does."""

    @abstractmethod
    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """Draws firings.

        Args:
            wanted: How often.
            rng: Decides what is random about the law itself.

        Raises:
            ValueError: The law cannot have such rates.
        """


class Independent(Dependence):
    """Features fire independently of each other.

    A feature that is on with probability p in each sample is a Poisson process of rate -log(1 - p) that
    has at least one arrival. So the arrivals of all features together are drawn at once, in time
    proportional to how many there are and not to ``n_samples * n_features``, and duplicates are dropped.
    """

    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """Draws independent firings.

        Raises:
            ValueError: A rate of 1 or above.
        """
        drawn = np.where(wanted.on_request, 0, wanted.rates)
        if drawn.max() >= 1:
            raise ValueError(f"firing rates of independent features must be below 1, got {drawn.max():.3g}")
        return _Arrivals(wanted.rates, drawn)


class _Arrivals(Sampler):
    """A stream with a lower rate keeps arrivals with probability in proportion to its own."""

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
    """First cell of each sample; in 32 bits where they hold, as those sort twice as fast."""
    kind = np.int32 if n_samples * n_features < 2**31 else np.int64
    return np.arange(0, n_samples * n_features, n_features, dtype=kind)
