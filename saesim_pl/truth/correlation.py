"""Correlations of the normal variables that make features correlated."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float

from saesim_pl.checks import check_counts, check_not_negative

Factors = tuple[Float[np.ndarray, "n_features rank"], Float[np.ndarray, " n_features"]]
"""F and s with :math:`z = F e + s \\epsilon`, where e and epsilon are independent standard normal numbers."""

# Least independent share of a variable's variance: for drawn correlations, and for a given matrix.
_MIN_OWN, _LEAST_OWN = 0.01, 1e-6


class Correlation(ABC):
    """Correlations of standard normal variables, one for each feature."""

    @abstractmethod
    def factors(self, n_features: int, rng: np.random.Generator) -> Factors:
        """Common and independent parts of the variables.

        Raises:
            ValueError: The correlation matrix does not exist.
        """


class LowRankCorrelation(Correlation):
    """A few common causes with normal factors, as in SynthSAEBench (Chanin and Garriga-Alonso, 2026).

    Args:
        rank: Number of common causes.
        scale: Standard deviation of a feature's factor for each cause. The correlation of two features then
            has the standard deviation ``sqrt(rank) * scale**2``. If the squares of a feature's factors sum up
            to more than .99, its factors are shrunk until the sum is .99.

    Raises:
        ValueError: ``rank`` is below 1, or ``scale`` negative.
    """

    def __init__(self, rank: int = 25, scale: float = 0.1) -> None:
        check_counts(rank=rank)
        check_not_negative(scale=scale)
        self.rank, self.scale = rank, scale

    def factors(self, n_features: int, rng: np.random.Generator) -> Factors:
        """Factors, and the standard deviation of each variable's independent part."""
        factor = self.scale * rng.standard_normal((n_features, self.rank))
        shares = np.square(factor).sum(1, keepdims=True)
        factor *= np.sqrt(np.minimum(1, (1 - _MIN_OWN) / np.maximum(shares, _MIN_OWN)))
        return factor, np.sqrt(1 - np.square(factor).sum(1))


class GivenCorrelation(Correlation):
    """A correlation matrix.

    Args:
        matrix: Symmetric and positive definite, with 1 on the diagonal. Row i belongs to feature id i: the
            first stream's features, then the further features of later streams.
    """

    def __init__(self, matrix: list[list[float]]) -> None:
        self.matrix = np.asarray(matrix, dtype=float)

    def factors(self, n_features: int, rng: np.random.Generator) -> Factors:
        """Factors of the matrix.

        Raises:
            ValueError: The matrix has another size, is not symmetric or not positive definite, has other
                numbers than 1 on its diagonal, or has NaN or infinity.
        """
        if self.matrix.shape != (n_features, n_features):
            raise ValueError(f"matrix has shape {self.matrix.shape}, but there are {n_features} features")
        if not np.isfinite(self.matrix).all():
            raise ValueError("matrix has NaN or infinity")
        if not np.allclose(self.matrix, self.matrix.T):
            raise ValueError("matrix is not symmetric")
        off = np.diag(self.matrix) - 1
        if not np.allclose(off, 0):
            raise ValueError(f"matrix has {1 + off[np.abs(off).argmax()]:.3g} on its diagonal, not 1")
        return factorize(self.matrix)


class WishartCorrelation(Correlation):
    """Sample correlation of as many normal samples as there are features, as in Sharkey et al. (2022).

    The correlations are shrunk by a hundredth because the sample matrix is nearly singular.
    """

    def factors(self, n_features: int, rng: np.random.Generator) -> Factors:
        """Factors of a newly drawn matrix."""
        samples = rng.standard_normal((n_features, n_features))
        samples /= np.linalg.norm(samples, axis=1, keepdims=True)
        return factorize((1 - _MIN_OWN) * samples @ samples.T + _MIN_OWN * np.eye(n_features))


class UniformCorrelation(Correlation):
    """A symmetric matrix of uniform numbers; a larger diagonal makes it positive definite.

    As in the toy data of Cunningham et al. (2023), "Sparse autoencoders find highly interpretable features in
    language models"; here their covariance is scaled to a correlation.
    """

    def factors(self, n_features: int, rng: np.random.Generator) -> Factors:
        """Factors of a newly drawn matrix."""
        matrix = rng.random((n_features, n_features))
        matrix = (matrix + matrix.T) / 2
        least = np.linalg.eigvalsh(matrix)[0]
        matrix -= min(0, 1.001 * least) * np.eye(n_features)
        deviations = np.sqrt(np.diag(matrix))
        return factorize(matrix / np.outer(deviations, deviations))


def factorize(matrix: Float[np.ndarray, "n n"]) -> Factors:
    """Factors of a correlation matrix, with the largest possible independent parts of equal size.

    Raises:
        ValueError: The matrix is not positive definite, or nearly singular.
    """
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < _LEAST_OWN:
        kind = "not positive definite" if values[0] <= 0 else f"next to singular (least: {_LEAST_OWN})"
        raise ValueError(f"the correlation matrix is {kind}: an eigenvalue is {values[0]:.3g}")
    return vectors * np.sqrt(values - values[0]), np.full(len(matrix), np.sqrt(values[0]))
