"""Normal magnitudes; a feature does not fire where its magnitude would be negative."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr, ndtri
from torch import Tensor

from saesim_pl.truth.copula import ThresholdSampler
from saesim_pl.truth.dependence import Dependence, Draw, FiringRates, Sampler
from saesim_pl.truth.magnitudes import Magnitudes


class RectifiedNormalMagnitudes(Magnitudes):
    r"""The numbers :math:`\mu_i + \sigma_i \epsilon` given that they are positive, as in SynthSAEBench.

    Chanin and Garriga-Alonso (2026), "SynthSAEBench: evaluating sparse autoencoders on scalable realistic
    synthetic data". There a magnitude below 0 is set to 0, so that the feature does not fire. ``positive``
    holds the probability of a positive magnitude.

    Args:
        locations: :math:`\mu` of each feature.
        deviations: :math:`\sigma` of each feature, not negative.
    """

    def __init__(
        self, locations: Float[np.ndarray, " n_features"], deviations: Float[np.ndarray, " n_features"]
    ) -> None:
        super().__init__()
        self.locations, self.deviations = locations.astype(np.float32), deviations.astype(np.float32)
        self.scales = np.ones_like(self.locations)
        varies = deviations > 0
        self.positive = np.where(varies, ndtr(locations / np.where(varies, deviations, 1)), locations > 0)

    @property
    def unscaled_mean(self) -> Float[np.ndarray, " n_features"]:
        """The locations, not the true means, which are higher: SynthSAEBench scales children by them."""
        return self.locations

    def unscaled(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Positive normal numbers."""
        drawn = rng.standard_normal(len(feature), dtype=np.float32)
        drawn *= self.deviations[feature]
        drawn += self.locations[feature]
        below = np.flatnonzero(drawn <= 0)
        drawn[below] = self._positive(feature[below], rng)
        return drawn

    def _positive(self, feature: Int[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        # The upper tail is drawn as a lower tail: quantiles near 0 keep their digits, those near 1 do not.
        tail = (1 - rng.random(len(feature))) * self.positive[feature]
        drawn = self.locations[feature] - self.deviations[feature] * ndtri(tail)
        return np.maximum(drawn, np.finfo(np.float32).tiny)


class ThinnedCopula(Dependence):
    """Fires where a correlated normal variable exceeds a threshold, except for a random share.

    The requested rates hold exactly after this share is dropped.

    Args:
        factor: F of the normal variables ``F e + s epsilon``, whose variances are 1.
        own: s, positive.
        share: Probability that an exceedance is a firing, by feature.
    """

    def __init__(
        self,
        factor: Float[np.ndarray, "n_features rank"],
        own: Float[np.ndarray, " n_features"],
        share: Float[np.ndarray, " n_features"],
    ) -> None:
        self.factor, self.own, self.share = factor, own, share

    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """A sampler of correlated firings.

        Raises:
            ValueError: A rate is above the feature's share.
        """
        rates = wanted.rates
        if (rates > self.share * (1 + 1e-9)).any():
            worst = (rates.max(0) - self.share).argmax()
            raise ValueError(
                f"feature {worst} is to fire at {rates[:, worst].max():.3g}, "
                f"but only {self.share[worst]:.3g} of its exceedances are firings"
            )
        exceeds = np.minimum(rates / np.where(self.share > 0, self.share, 1), 1)
        sampler = ThresholdSampler(exceeds, wanted.on_request, self.factor, self.own)
        return sampler if self.share.min() == 1 else _ThinnedSampler(sampler, self.share)


class _ThinnedSampler(Sampler):
    """Drops a random share of another sampler's firings, the same firings in all streams."""

    def __init__(self, sampler: Sampler, share: Float[np.ndarray, " n_features"]) -> None:
        self.sampler, self.share = sampler, share.astype(np.float32)

    def draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        draw = self.sampler.draw(n_samples, rng)
        stays = self._stays(draw.cells, rng)
        return Draw(draw.cells[stays], draw.kept[:, stays], draw.causes)

    def fires(
        self,
        cells: Int[np.ndarray, " n"],
        causes: Float[Tensor, "rank n_samples"] | None,
        rng: np.random.Generator,
    ) -> Bool[np.ndarray, "n_streams n"]:
        return self.sampler.fires(cells, causes, rng) & self._stays(cells, rng)

    def _stays(self, cells: Int[np.ndarray, " n"], rng: np.random.Generator) -> Bool[np.ndarray, " n"]:
        return rng.random(len(cells), dtype=np.float32) < self.share[cells % len(self.share)]
