"""Features whose probability to fire follows a normal variable that is correlated with others'."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr, ndtri
from torch import Tensor

from saesim_pl.truth.copula import BLOCK, levels, normal_numbers
from saesim_pl.truth.correlation import Correlation, LowRankCorrelation
from saesim_pl.truth.dependence import Dependence, Draw, Sampler, sample_starts


class CorrelatedRates(Dependence):
    r"""A feature fires with probability :math:`\min(1, c_i \Phi(z_i)^{a_i})`, z being correlated and normal.

    :math:`c_i` is such that the feature's rate is met exactly. With :math:`a_i = 1` this is the toy data of
    Cunningham et al. (2023), "Sparse autoencoders find highly interpretable features in language models";
    with :math:`a_i = \lambda i`, that of Sharkey et al. (2022), "Taking features out of superposition with
    sparse autoencoders". Both scale the probabilities of each draw to one sum, and the former draws one z a
    batch; here z is drawn for each sample and the sum is met in the mean.

    Args:
        correlation: Of z; by default of rank 25.
        decay: :math:`\lambda`; if left out, all :math:`a_i` are 1.

    Raises:
        ValueError: ``decay`` is not positive.
    """

    def __init__(self, correlation: Correlation | None = None, decay: float | None = None) -> None:
        if decay is not None and decay <= 0:
            raise ValueError(f"decay must be positive, got {decay}")
        self.correlation, self.decay = correlation or LowRankCorrelation(), decay

    def sampler(
        self,
        rates: Float[np.ndarray, "n_streams n_features"],
        clusters: Int[np.ndarray, " n_features"],
        on_request: Bool[np.ndarray, "n_streams n_features"],
        rng: np.random.Generator,
    ) -> Sampler:
        """Draws firings at correlated rates.

        Raises:
            ValueError: There is no such correlation matrix.
        """
        n_features = rates.shape[1]
        exponents = np.ones(n_features) if self.decay is None else self.decay * np.arange(n_features)
        return _RatesSampler(rates, on_request, exponents, *self.correlation.factors(n_features, rng))


def coefficients(
    rates: Float[np.ndarray, "n_streams n"], exponents: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n_streams n"]:
    r"""What makes :math:`E \min(1, c U^a)` the rate, where U is uniform.

    The mean is :math:`c / (a + 1)` up to c = 1, and :math:`1 - c^{-1/a} a / (a + 1)` from there on.
    """
    a = np.maximum(exponents, 1e-9)
    above = (a / ((a + 1) * (1 - np.minimum(rates, 1 - 1e-12)))) ** a
    return np.where(rates * (exponents + 1) <= 1, rates * (exponents + 1), above)


class _RatesSampler(Sampler):
    """Draws a byte for each cell at first, which rules out most; what it leaves open is drawn exactly."""

    def __init__(
        self,
        rates: Float[np.ndarray, "n_streams n_features"],
        on_request: Bool[np.ndarray, "n_streams n_features"],
        exponents: Float[np.ndarray, " n_features"],
        factor: Float[np.ndarray, "n_features rank"],
        own: Float[np.ndarray, " n_features"],
    ) -> None:
        self.exponents, self.coefficients = exponents, coefficients(rates, exponents)
        self.full = 2 * factor.shape[1] > len(own)
        if self.full:  # one product of the features' size costs less than two
            factor = np.linalg.cholesky(factor @ factor.T + np.diag(own**2))
        self.factor = torch.from_numpy(factor.astype(np.float32))
        self.own = torch.from_numpy(own.astype(np.float32))
        self.drawn_coefficients = np.where(on_request, 0, self.coefficients)
        self.least = _least(self.drawn_coefficients.max(0), exponents)

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
        self, cells: Int[np.ndarray, " n"], causes: Float[Tensor, "rank n_samples"], rng: np.random.Generator
    ) -> Bool[np.ndarray, "n_streams n"]:
        z, feature = levels(cells, self.factor, causes)
        if not self.full:
            z += self.own.numpy()[feature] * rng.standard_normal(len(cells), dtype=np.float32)
        return rng.random(len(cells)) < self.coefficients[:, feature] * ndtr(z) ** self.exponents[feature]

    def _block(
        self, features: slice, causes: Float[Tensor, "rank n_samples"], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Samples, features and streams of what fires among ``features``.

        A row a feature, so that a row looks up its bytes in a table of its own.
        """
        z = self.factor[features] @ causes
        if not self.full:
            z += self.own[features, None] * normal_numbers(tuple(z.shape), rng)
        z = z.numpy()
        byte = np.frombuffer(rng.bytes(z.size), dtype=np.uint8).reshape(z.shape)
        least = np.empty_like(z)
        for table, row, out in zip(self.least[features], byte, least, strict=True):
            table.take(row, mode="clip", out=out)
        row, sample = np.divmod(np.flatnonzero(z > least), z.shape[1])
        feature = features.start + row
        quantile = (byte[row, sample] + rng.random(len(row))) / 256
        kept = (
            quantile < self.drawn_coefficients[:, feature] * ndtr(z[row, sample]) ** self.exponents[feature]
        )
        fired = kept.any(0)
        return sample[fired], feature[fired], kept[:, fired]


def _least(
    coefficients: Float[np.ndarray, " n_features"], exponents: Float[np.ndarray, " n_features"]
) -> Float[np.ndarray, "n_features 256"]:
    """By feature and byte, the least z at which a quantile that begins with the byte can be a firing."""
    quantile = np.arange(256) / 256
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = np.where(coefficients[:, None] > 0, quantile / coefficients[:, None], np.inf)
        ratio[:, 0] = np.where(coefficients > 0, 0, np.inf)
        root = np.where(ratio < 1, ratio ** (1 / np.maximum(exponents, 1e-9)[:, None]), 1)
    return np.nextafter(ndtri(root).astype(np.float32), np.float32(-np.inf))
