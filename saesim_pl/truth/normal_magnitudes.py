"""Magnitudes made of normal numbers."""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from saesim_pl.checks import check_not_negative, check_positive
from saesim_pl.truth.magnitudes import Magnitudes


class FoldedNormalMagnitudes(Magnitudes):
    r""":math:`|\mu + \sigma \epsilon|` with a standard normal epsilon; half-normal if the mean is 0.

    Args:
        mean: :math:`\mu`.
        std: :math:`\sigma`, or its center if features differ.
        std_spread: Standard deviation between features: the :math:`\sigma` of a feature is the absolute value
            of a normal number with mean ``std`` and this standard deviation.
        first_scale: Factor of the magnitudes of the first feature.
        last_scale: Factor of the magnitudes of the last feature; linear in between.

    Raises:
        ValueError: A number is negative, or mean and std are both 0.
    """

    def __init__(
        self,
        mean: float = 0.0,
        std: float = 1.0,
        std_spread: float = 0.0,
        first_scale: float = 1.0,
        last_scale: float = 1.0,
    ) -> None:
        super().__init__(first_scale, last_scale)
        check_not_negative(mean=mean, std=std, std_spread=std_spread)
        if mean == std == 0:
            raise ValueError("mean and std are both 0: nothing would fire")
        self.mean, self.std, self.std_spread = mean, std, std_spread

    def prepare(self, n_features: int, rng: np.random.Generator) -> None:
        """Set the scale and draw the standard deviation of each feature."""
        super().prepare(n_features, rng)
        self.stds = np.abs(self.std + self.std_spread * rng.standard_normal(n_features, dtype=np.float32))

    def unscaled(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Absolute values of normal numbers."""
        normal = rng.standard_normal(len(feature), dtype=np.float32)
        if self.std_spread or self.std != 1:
            normal *= self.stds[feature]
        return np.abs(np.add(normal, np.float32(self.mean), out=normal), out=normal)

    @property
    def unscaled_mean(self) -> Float[np.ndarray, " n_features"]:
        """Mean of each feature's folded normal law."""
        return folded_normal_mean(self.mean, np.maximum(self.stds, 1e-12))


class LogNormalMagnitudes(Magnitudes):
    """The logarithm of a magnitude is normal; mean square 1.

    Args:
        sigma: Standard deviation of the logarithm.
        first_scale: Factor of the magnitudes of the first feature.
        last_scale: Factor of the magnitudes of the last feature; linear in between.

    Raises:
        ValueError: ``sigma`` is not positive.
    """

    def __init__(self, sigma: float = 0.5, first_scale: float = 1.0, last_scale: float = 1.0) -> None:
        super().__init__(first_scale, last_scale)
        check_positive(sigma=sigma)
        self.sigma = sigma

    def unscaled(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Log-normal numbers."""
        normal = rng.standard_normal(len(feature), dtype=np.float32)
        return np.exp(np.float32(self.sigma) * (normal - np.float32(self.sigma)))

    @property
    def unscaled_mean(self) -> float:
        r""":math:`e^{-\sigma^2 / 2}`."""
        return math.exp(-(self.sigma**2) / 2)


def folded_normal_mean(
    mean: float | Float[np.ndarray, " n"], std: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Mean absolute value of normal numbers."""
    ratio = mean / std
    return std * math.sqrt(2 / math.pi) * np.exp(-np.square(ratio) / 2) + mean * (1 - 2 * ndtr(-ratio))
