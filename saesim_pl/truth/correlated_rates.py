"""Features whose firing probabilities depend on correlated normal variables."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.special import log_ndtr, ndtri
from torch import Tensor

from saesim_pl.checks import check_positive
from saesim_pl.truth.copula import BLOCK, levels, normal_numbers
from saesim_pl.truth.correlation import Correlation, LowRankCorrelation
from saesim_pl.truth.dependence import Dependence, Draw, FiringRates, Sampler, sample_starts

# Replaces an exponent of 0 in a denominator.
_LEAST_EXPONENT = 1e-9


class CorrelatedRates(Dependence):
    r"""A feature fires with probability :math:`\min(1, c_i \Phi(z_i)^{a_i})`; the normal z are correlated.

    :math:`c_i` is chosen such that the feature's rate is exact. With :math:`a_i = 1` this is the toy data of
    Cunningham et al. (2023), "Sparse autoencoders find highly interpretable features in language models".
    With :math:`a_i = \lambda i` it is the toy data of Sharkey et al. (2022), "Taking features out of
    superposition with sparse autoencoders". Deviation: both scale the probabilities of each draw to a fixed
    sum, and the former draws one z for a batch. Here z is drawn for each sample, and the sum is fixed only in
    the mean.

    Args:
        correlation: Correlation of z; by default of rank 25.
        decay: :math:`\lambda`; if left out, all :math:`a_i` are 1.

    Raises:
        ValueError: ``decay`` is not positive.
    """

    def __init__(self, correlation: Correlation | None = None, decay: float | None = None) -> None:
        if decay is not None:
            check_positive(decay=decay)
        self.correlation, self.decay = correlation or LowRankCorrelation(), decay

    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """A sampler of firings with correlated probabilities.

        Raises:
            ValueError: The correlation matrix does not exist.
        """
        n_features = wanted.rates.shape[1]
        exponents = np.ones(n_features) if self.decay is None else self.decay * np.arange(n_features)
        return _RatesSampler(wanted, exponents, *self.correlation.factors(n_features, rng))


def log_coefficients(
    rates: Float[np.ndarray, "n_streams n"], exponents: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n_streams n"]:
    r"""The log c for which :math:`E \min(1, c U^a)`, with U uniform, is the rate; -inf for a rate of 0.

    The mean is :math:`c / (a + 1)` for c up to 1, and :math:`1 - c^{-1/a} a / (a + 1)` for larger c.
    """
    a = np.maximum(exponents, _LEAST_EXPONENT)
    above = a * (np.log(a / (a + 1)) - np.log1p(-np.minimum(rates, 1 - 1e-12)))
    with np.errstate(divide="ignore"):
        below = np.log(rates * (exponents + 1))
    return np.where(below <= 0, below, above)


class _RatesSampler(Sampler):
    """Draws first one byte for each feature of a sample, which rules out most; draws the others exactly."""

    def __init__(
        self,
        wanted: FiringRates,
        exponents: Float[np.ndarray, " n_features"],
        factor: Float[np.ndarray, "n_features rank"],
        own: Float[np.ndarray, " n_features"],
    ) -> None:
        self.exponents, self.log_coefficients = exponents, log_coefficients(wanted.rates, exponents)
        self.full = 2 * factor.shape[1] > len(own)
        if self.full:  # one product of the features' size costs less than two
            factor = np.linalg.cholesky(factor @ factor.T + np.diag(own**2))
        self.factor = torch.from_numpy(factor.astype(np.float32))
        self.own = torch.from_numpy(own.astype(np.float32))
        self.drawn = np.where(wanted.on_request, -np.inf, self.log_coefficients)
        self.least = _least(self.drawn.max(0), exponents)

    def draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        n_features = len(self.own)
        n_rows = max(1, BLOCK // n_samples)
        causes = normal_numbers((self.factor.shape[1], n_samples), rng)
        blocks = [self._block(slice(i, i + n_rows), causes, rng) for i in range(0, n_features, n_rows)]
        starts = sample_starts(n_samples, n_features)
        cells = np.concatenate(
            [starts[sample] + feature.astype(starts.dtype) for sample, feature, _ in blocks]
        )
        order = cells.argsort()
        return Draw(cells[order], np.concatenate([kept for *_, kept in blocks], axis=1)[:, order], causes)

    def fires(
        self,
        cells: Int[np.ndarray, " n"],
        causes: Float[Tensor, "rank n_samples"] | None,
        rng: np.random.Generator,
    ) -> Bool[np.ndarray, "n_streams n"]:
        z, feature = levels(cells, self.factor, causes)
        if not self.full:
            z += self.own.numpy()[feature] * rng.standard_normal(len(cells), dtype=np.float32)
        return np.log(rng.random(len(cells))) < self._log_rates(self.log_coefficients, feature, z)

    def _block(
        self, features: slice, causes: Float[Tensor, "rank n_samples"], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Firings of ``features``: their samples, their features, and a mask by stream.

        Rows are features, so that each row looks up its bytes in the table of its feature.
        """
        normal = self.factor[features] @ causes
        if not self.full:
            normal += self.own[features, None] * normal_numbers((len(normal), causes.shape[1]), rng)
        z = normal.numpy()
        byte = np.frombuffer(rng.bytes(z.size), dtype=np.uint8).reshape(z.shape)
        least = np.empty_like(z)
        for table, row, out in zip(self.least[features], byte, least, strict=True):
            table.take(row, mode="clip", out=out)
        row, sample = np.divmod(np.flatnonzero(z > least), z.shape[1])
        feature = features.start + row
        quantile = (byte[row, sample] + rng.random(len(row))) / 256
        kept = np.log(quantile) < self._log_rates(self.drawn, feature, z[row, sample])
        fired = kept.any(0)
        return sample[fired], feature[fired], kept[:, fired]

    def _log_rates(
        self,
        log_coefficients: Float[np.ndarray, "n_streams n_features"],
        feature: Int[np.ndarray, " n"],
        z: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, "n_streams n"]:
        # In logarithms: powers of several hundreds would underflow.
        return log_coefficients[:, feature] + self.exponents[feature] * log_ndtr(z.astype(float))


def _least(
    log_coefficients: Float[np.ndarray, " n_features"], exponents: Float[np.ndarray, " n_features"]
) -> Float[np.ndarray, "n_features 256"]:
    """By feature and byte, the least z at which a feature can fire if its quantile begins with the byte."""
    log_quantile = np.log(np.arange(1, 256) / 256)
    log_ratio = np.minimum(log_quantile - log_coefficients[:, None], 0)
    root = np.exp(log_ratio / np.maximum(exponents, _LEAST_EXPONENT)[:, None])
    # No z gives a ratio of 1. A quantile that begins with the byte 0 may be arbitrarily small.
    first = np.where(log_coefficients > -np.inf, 0.0, 1.0)[:, None]
    root = np.concatenate([first, np.where(log_ratio < 0, root, 1)], axis=1)
    return np.nextafter(ndtri(root).astype(np.float32), np.float32(-np.inf))
