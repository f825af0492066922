"""Laws of how strongly a feature fires."""

import math
from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float, Int

from saesim_pl.checks import check_counts, check_positive


class Magnitudes(ABC):
    """Law of a firing feature's magnitude; by default with mean square 1, so that laws differ in shape only.

    Args:
        first_scale: Factor of the magnitudes of the first, most frequent feature.
        last_scale: Factor of the magnitudes of the last feature; linear in between.

    Raises:
        ValueError: A scale is not positive.
    """

    def __init__(self, first_scale: float = 1.0, last_scale: float = 1.0) -> None:
        check_positive(first_scale=first_scale, last_scale=last_scale)
        self.first_scale, self.last_scale = first_scale, last_scale

    def prepare(self, n_features: int, rng: np.random.Generator) -> None:
        """Set the scale of each feature, and draw the random parameters of the law, if it has any."""
        self.scales = np.linspace(self.first_scale, self.last_scale, n_features, dtype=np.float32)

    def draw(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """A magnitude for each firing, at least 0."""
        drawn = self.unscaled(feature, rng)
        return drawn if self.first_scale == self.last_scale == 1 else drawn * self.scales[feature]

    @property
    def means(self) -> Float[np.ndarray, " n_features"]:
        """Mean magnitude of each feature."""
        return self.scales * self.unscaled_mean

    @property
    @abstractmethod
    def unscaled_mean(self) -> float | Float[np.ndarray, " n_features"]:
        """Mean magnitude before the features' scales."""

    @abstractmethod
    def unscaled(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Magnitudes before the features' scales."""


class ConstantMagnitudes(Magnitudes):
    """All firings of a feature have one magnitude; see ``Magnitudes`` for the arguments."""

    def unscaled(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """1 each."""
        return np.ones(len(feature), dtype=np.float32)

    @property
    def unscaled_mean(self) -> float:
        """1."""
        return 1.0


class UniformMagnitudes(Magnitudes):
    """Uniform between two numbers, or the product of several such numbers.

    Args:
        low: Smallest number.
        high: Largest number; by default the square root of 3, which gives mean square 1.
        n_factors: How many numbers are multiplied; 2 in the toy data of Cunningham et al. (2023).
        first_scale: Factor of the magnitudes of the first feature.
        last_scale: Factor of the magnitudes of the last feature; linear in between.

    Raises:
        ValueError: The range is empty or below 0, or ``n_factors`` is below 1.
    """

    def __init__(
        self,
        low: float = 0.0,
        high: float = 3**0.5,
        n_factors: int = 1,
        first_scale: float = 1.0,
        last_scale: float = 1.0,
    ) -> None:
        super().__init__(first_scale, last_scale)
        if not 0 <= low < high < math.inf:
            raise ValueError(f"low and high must satisfy 0 <= low < high, got {low} and {high}")
        check_counts(n_factors=n_factors)
        self.low, self.high, self.n_factors = low, high, n_factors

    def unscaled(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Uniform numbers."""
        product = self._numbers(len(feature), rng)
        for _ in range(self.n_factors - 1):
            product *= self._numbers(len(feature), rng)
        return product

    @property
    def unscaled_mean(self) -> float:
        """Middle of the range, to the power of ``n_factors``."""
        return ((self.low + self.high) / 2) ** self.n_factors

    def _numbers(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        return np.float32(self.low) + np.float32(self.high - self.low) * rng.random(n, dtype=np.float32)


class ExponentialMagnitudes(Magnitudes):
    """Exponential with mean square 1; see ``Magnitudes`` for the arguments."""

    def unscaled(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Exponential numbers."""
        return rng.standard_exponential(len(feature), dtype=np.float32) / np.sqrt(np.float32(2))

    @property
    def unscaled_mean(self) -> float:
        """One over the square root of 2."""
        return 0.5**0.5
