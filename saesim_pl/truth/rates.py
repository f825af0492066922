"""Laws of how often each feature fires."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from saesim_pl.checks import check_positive

# Natural logarithm of a number that float64 still holds.
_LARGEST_LOG = 700


class Rates(ABC):
    """Law of the firing rates, the most frequent feature first."""

    @abstractmethod
    def weights(self, n_features: int) -> Float[np.ndarray, " n_features"]:
        """Rates, up to a common factor where ``mean_active`` is given."""

    def rates(self, n_features: int, mean_active: float | None) -> Float[np.ndarray, " n_features"]:
        """Probability that each feature fires in a sample.

        Args:
            n_features: Number of features.
            mean_active: Sum of the rates; if None, the weights are the rates.

        Raises:
            ValueError: A rate lies outside (0, 1].
        """
        weights = self.weights(n_features)
        rates = weights if mean_active is None else weights * (mean_active / weights.sum())
        return check_rates(rates, mean_active)


class ConstantRates(Rates):
    """All features fire equally often."""

    def weights(self, n_features: int) -> Float[np.ndarray, " n_features"]:
        """1 each."""
        return np.ones(n_features)


class LinearRates(Rates):
    """Rates fall linearly.

    Args:
        first: Relative rate of the most frequent feature.
        last: Relative rate of the least frequent feature.

    Raises:
        ValueError: A rate is not positive, or the rates rise.
    """

    def __init__(self, first: float = 1.5, last: float = 0.5) -> None:
        check_positive(first=first, last=last)
        if first < last:
            raise ValueError(f"rates must not rise, got first={first} and last={last}")
        self.first, self.last = first, last

    def weights(self, n_features: int) -> Float[np.ndarray, " n_features"]:
        """From ``first`` to ``last``."""
        return np.linspace(self.first, self.last, n_features)


class ZipfRates(Rates):
    """The feature of rank i fires in proportion to i to the power ``-exponent``.

    Args:
        exponent: Exponent of the power law; a larger one makes rates more unequal.
        highest: Rate of the first feature; with ``lowest``, rates are shifted and scaled linearly to lie
            between the two, as in SynthSAEBench (Chanin and Garriga-Alonso, 2026).
        lowest: Rate of the last feature.

    Raises:
        ValueError: ``exponent`` is not positive, only one end is given, or the ends are the wrong way round.
    """

    def __init__(
        self, exponent: float = 1.0, highest: float | None = None, lowest: float | None = None
    ) -> None:
        check_positive(exponent=exponent)
        if (highest is None) != (lowest is None):
            raise ValueError(f"give both or neither of highest and lowest, got {highest} and {lowest}")
        if highest is not None and lowest is not None and not highest >= lowest > 0:
            raise ValueError(f"highest must be at least lowest, and that above 0, got {highest} and {lowest}")
        self.exponent, self.highest, self.lowest = exponent, highest, lowest

    def weights(self, n_features: int) -> Float[np.ndarray, " n_features"]:
        """Powers of the ranks."""
        weights = np.arange(1, n_features + 1) ** -float(self.exponent)
        if self.highest is None or self.lowest is None:
            return weights
        if n_features == 1:
            return np.full(1, self.highest)
        return np.interp(weights, weights[[-1, 0]], [self.lowest, self.highest])


class ExponentialRates(Rates):
    r"""Feature i fires in proportion to :math:`\lambda^i`.

    As in the toy data of Cunningham et al. (2023), "Sparse autoencoders find highly interpretable features in
    language models".

    Args:
        decay: :math:`\lambda`.

    Raises:
        ValueError: ``decay`` lies outside (0, 1].
    """

    def __init__(self, decay: float = 0.99) -> None:
        if not 0 < decay <= 1:
            raise ValueError(f"decay must lie in (0, 1], got {decay}")
        self.decay = decay

    def weights(self, n_features: int) -> Float[np.ndarray, " n_features"]:
        """Powers of the decay."""
        return self.decay ** np.arange(n_features)


class SharkeyRates(Rates):
    r"""Means of :math:`\min(1, c \Phi(z)^{\lambda i})` with a standard normal z, by feature i from 0 on.

    About :math:`c / (\lambda i + 1)`. Sharkey et al. (2022), "Taking features out of superposition with
    sparse autoencoders". Combine it with the dependence ``CorrelatedRates`` of the same decay for their law.

    Args:
        decay: :math:`\lambda`.

    Raises:
        ValueError: ``decay`` is not positive.
    """

    def __init__(self, decay: float = 0.99) -> None:
        check_positive(decay=decay)
        self.decay = decay

    def weights(self, n_features: int) -> Float[np.ndarray, " n_features"]:
        """The means for c = 1."""
        return self._means(1.0, n_features)

    def rates(self, n_features: int, mean_active: float | None) -> Float[np.ndarray, " n_features"]:
        """The means, with c such that they sum up to ``mean_active``.

        Raises:
            ValueError: A rate lies outside (0, 1], or no c is large enough.
        """
        if mean_active is None:
            return check_rates(self.weights(n_features), None)
        check_rates(np.full(n_features, mean_active / n_features), mean_active)

        def excess(log_c: float) -> float:
            return float(self._means(np.exp(log_c), n_features).sum()) - mean_active

        if excess(_LARGEST_LOG) < 0:
            raise ValueError(f"mean_active={mean_active} of {n_features} features is more than the law gives")
        return self._means(np.exp(brentq(excess, -50, _LARGEST_LOG)), n_features)

    def _means(self, c: float, n_features: int) -> Float[np.ndarray, " n_features"]:
        a = self.decay * np.arange(n_features)
        if c <= 1:
            return c / (a + 1)
        return np.concatenate([[1.0], 1 - c ** (-1 / a[1:]) * a[1:] / (a[1:] + 1)])


def check_rates(
    rates: Float[np.ndarray, " n_features"], mean_active: float | None
) -> Float[np.ndarray, " n_features"]:
    """Refuse rates that are no probabilities above 0.

    Raises:
        ValueError: A rate lies outside (0, 1].
    """
    if not (rates.min() > 0 and rates.max() <= 1):
        of = "" if mean_active is None else f"mean_active={mean_active} of {len(rates)} features: "
        raise ValueError(f"{of}firing rates must lie in (0, 1], got {rates.min():.3g} to {rates.max():.3g}")
    return rates
