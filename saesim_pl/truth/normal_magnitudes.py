"""Magnitudes made of normal numbers."""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from saesim_pl.checks import check_not_negative, check_positive
from saesim_pl.truth.magnitudes import Magnitudes


class FoldedNormalMagnitudes(Magnitudes):
    r""":math:`|\mu + \sigma \epsilon|`, epsilon being standard normal; a half normal where the mean is 0.

    Args:
        mean: :math:`\mu`.
        std: :math:`\sigma`.
        std_spread: Features differ in :math:`\sigma`: each has the size of a normal number of mean ``std``
            and this standard deviation.
        first_scale: What the magnitudes of the first feature are multiplied by.
        last_scale: What those of the last one are; linear in between.

    Raises:
        ValueError: A negative number, or both are 0.
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
        """Draw the features' deviations."""
        super().prepare(n_features, rng)
        self.stds = np.abs(self.std + self.std_spread * rng.standard_normal(n_features, dtype=np.float32))

    def unscaled(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Sizes of normal numbers."""
        normal = rng.standard_normal(len(feature), dtype=np.float32)
        if self.std_spread or self.std != 1:
            normal *= self.stds[feature]
        return np.abs(np.add(normal, np.float32(self.mean), out=normal), out=normal)

    @property
    def unscaled_mean(self) -> Float[np.ndarray, " n_features"]:
        """Means of the features' folded normal laws."""
        return folded_normal_mean(self.mean, np.maximum(self.stds, 1e-12))


class LogNormalMagnitudes(Magnitudes):
    """The logarithm is normal; mean square 1.

    Args:
        sigma: Standard deviation of the logarithm.
        first_scale: What the magnitudes of the first feature are multiplied by.
        last_scale: What those of the last one are; linear in between.

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
    """Mean size of normal numbers."""
    ratio = mean / std
    return std * math.sqrt(2 / math.pi) * np.exp(-np.square(ratio) / 2) + mean * (1 - 2 * ndtr(-ratio))
