"""Features that fire together through common causes: thresholds on correlated normal variables."""

import sys

import numpy as np
import torch
from jaxtyping import Bool, Complex64, Float, Int
from scipy.special import ndtr, ndtri
from torch import Tensor

from saesim_pl.truth.correlation import Correlation, LowRankCorrelation
from saesim_pl.truth.dependence import Dependence, Draw, FiringRates, Sampler, sample_starts

# A cell is one feature of one sample. Number of cells computed at once: they fit into a CPU's cache.
BLOCK = 2**17
# Level of a feature that never fires, beyond all normal variables; the opposite for one that always fires. It
# is finite because levels are subtracted from each other.
_NEVER = -1e4


def _least_pairs() -> Complex64[np.ndarray, " 65536"]:
    """For each pair of bytes, the least normal quantile that begins with each: one lookup for two cells."""
    least = np.nextafter(ndtri(np.arange(256) / 256).astype(np.float32), np.float32(-np.inf))
    pairs = np.stack(np.broadcast_arrays(least[None, :], least[:, None]), axis=-1)
    if sys.byteorder == "big":
        pairs = pairs[..., ::-1]
    return np.ascontiguousarray(pairs).view(np.complex64).ravel()


_LEAST_PAIRS = _least_pairs()


class GaussianCopula(Dependence):
    """A feature fires where its standard normal variable exceeds a threshold; the variables are correlated.

    Rates are exact for every correlation. Samples are independent. Given the common causes of a sample, its
    features are independent. For speed, one random byte is drawn for each feature of a sample, and more
    digits only if the byte does not decide whether it fires.

    Args:
        correlation: Correlation of the normal variables; by default of rank 25.
    """

    def __init__(self, correlation: Correlation | None = None) -> None:
        self.correlation = correlation or LowRankCorrelation()

    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """A sampler of correlated firings.

        Raises:
            ValueError: The correlation matrix does not exist.
        """
        factors = self.correlation.factors(wanted.rates.shape[1], rng)
        return ThresholdSampler(wanted.rates, wanted.on_request, *factors)


class ThresholdSampler(Sampler):
    r"""Fires where :math:`F e + s \epsilon` exceeds the normal quantile of 1 - rate.

    Args:
        rates: Probability that a feature fires, by stream.
        on_request: Features that are not drawn for every sample, by stream.
        factor: :math:`F`.
        own: :math:`s`, positive.
    """

    def __init__(
        self,
        rates: Float[np.ndarray, "n_streams n_features"],
        on_request: Bool[np.ndarray, "n_streams n_features"],
        factor: Float[np.ndarray, "n_features rank"],
        own: Float[np.ndarray, " n_features"],
    ) -> None:
        # Divided by s, a cell's level is the normal quantile of its probability to fire given e.
        self.thresholds = np.clip(ndtri(rates) / own, _NEVER, -_NEVER).astype(np.float32)
        self.weights = torch.from_numpy((factor / own[:, None]).astype(np.float32))
        drawn = np.where(on_request, _NEVER, self.thresholds)
        self.drawn = np.flatnonzero(drawn.max(0) > _NEVER)
        self.fastest = torch.from_numpy(drawn.max(0)[self.drawn])
        self.behind_fastest = (drawn - drawn.max(0))[:, self.drawn]
        self.drawn_weights = self.weights[torch.from_numpy(self.drawn)].T.contiguous()

    def draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        """Firings of ``n_samples`` samples."""
        causes = normal_numbers((self.weights.shape[1], n_samples), rng)
        n_rows = max(1, BLOCK // len(self.drawn))
        blocks = [self._open(causes[:, i : i + n_rows], rng) for i in range(0, n_samples, n_rows)]
        first = range(0, n_samples, n_rows)
        sample = np.concatenate([row + start for start, (row, *_) in zip(first, blocks, strict=True)])
        column, level, byte = (np.concatenate(parts) for parts in list(zip(*blocks, strict=True))[1:])
        quantile = (byte + rng.random(len(byte))) / 256
        kept = quantile < ndtr(level + self.behind_fastest[:, column])
        fired = kept.any(0)
        starts = sample_starts(n_samples, len(self.weights))
        cells = starts[sample[fired]] + self.drawn[column[fired]].astype(starts.dtype)
        return Draw(cells, kept[:, fired], causes)

    def fires(
        self,
        cells: Int[np.ndarray, " n"],
        causes: Float[Tensor, "rank n_samples"] | None,
        rng: np.random.Generator,
    ) -> Bool[np.ndarray, "n_streams n"]:
        """Whether features that the draw left out fire."""
        level, feature = levels(cells, self.weights, causes)
        return rng.random(len(cells)) < ndtr(level + self.thresholds[:, feature])

    def _open(self, causes: Float[Tensor, "rank n"], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Cells of a block that may fire: row, column, level, and first byte of the quantile."""
        level = torch.addmm(self.fastest, causes.T, self.drawn_weights).numpy().ravel()
        byte = np.frombuffer(rng.bytes(level.size + level.size % 2), dtype=np.uint8)
        least = _LEAST_PAIRS.take(byte.view(np.uint16), mode="clip").view(np.float32)
        cell = np.flatnonzero(level > least[: level.size])
        return *np.divmod(cell, len(self.drawn)), level[cell], byte[cell]


def levels(
    cells: Int[np.ndarray, " n"],
    weights: Float[Tensor, "n_features rank"],
    causes: Float[Tensor, "rank n_samples"] | None,
) -> tuple[Float[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Contribution of the common causes to each cell's normal variable, and the cell's feature.

    Raises:
        ValueError: The draw has no causes.
    """
    if causes is None:
        raise ValueError("correlated firings need the causes of their draw, got None")
    sample, feature = np.divmod(cells, len(weights))
    of_cells = weights[torch.from_numpy(feature)], causes.T[torch.from_numpy(sample)]
    return torch.linalg.vecdot(*of_cells).numpy(), feature


def normal_numbers(shape: tuple[int, int], rng: np.random.Generator) -> Float[Tensor, "n m"]:
    """Standard normal numbers, three times as fast as numpy's.

    A torch generator uses 32 bits of its seed: among some 65,000 draws, two may have the same causes, but not
    the same firings.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    return torch.randn(shape, generator=generator)
