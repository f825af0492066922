"""Combines dependence, hierarchy and magnitudes into one law of firing."""

import numpy as np
from jaxtyping import Float, Int

from saesim_pl.truth.dependence import Dependence, FiringRates, Independent
from saesim_pl.truth.firing_sampler import FiringSampler
from saesim_pl.truth.hierarchy import Forest, Hierarchy
from saesim_pl.truth.magnitudes import Magnitudes
from saesim_pl.truth.seeds import generator_of
from saesim_pl.truth.siblings import MOST

# Number of samples in which frequencies without a formula are counted, and of adjustments of the rates.
_COUNTED, _TRIALS = 2**15, 60


class FiringLaw:
    """Law of which features fire together and how strongly, for any rates.

    Args:
        dependence: Which features fire together.
        hierarchy: Which features fire only where others fire; None for no hierarchy.
        magnitudes: How strongly features fire; already prepared.
        clusters: Cluster of each feature's direction, -1 if it has no cluster.
        seed: Seed of the random parts of the dependence.
    """

    def __init__(
        self,
        dependence: Dependence,
        hierarchy: Hierarchy | None,
        magnitudes: Magnitudes,
        clusters: Int[np.ndarray, " n_features"],
        seed: int,
    ) -> None:
        self.dependence, self.hierarchy = dependence, hierarchy
        self.magnitudes, self.clusters, self.seed = magnitudes, clusters, seed

    def at(
        self, rates: Float[np.ndarray, "n_streams n_features"], mean_active: float | None
    ) -> tuple[FiringSampler, Float[np.ndarray, "n_streams n_features"]]:
        """A sampler for streams that share a draw, and the frequency of each feature in each stream.

        Frequencies are exact unless a hierarchy thins dependent firings. In this case they are counted, and
        the sum differs from ``mean_active`` by at most three standard errors of the count.

        Args:
            rates: Rates by stream; the hierarchy's ``compensate`` defines their meaning.
            mean_active: Requested sum of a stream's frequencies; None to keep the rates as they are.

        Raises:
            ValueError: The dependence or the hierarchy cannot have such rates.
        """
        if self.hierarchy is None:
            return self._sampler(rates, None), rates
        forests = [self.hierarchy.forest(own) for own in rates]
        pairs = zip(forests, rates, strict=True)
        before = np.stack([self.hierarchy.rates_before(forest, own) for forest, own in pairs])
        for _ in range(_TRIALS):
            sampler = self._sampler(before, forests)
            after, error = self._after(sampler, forests, before)
            ratio = 1 if mean_active is None else mean_active / after.sum(1, keepdims=True)
            if np.all(np.abs(ratio - 1) <= np.maximum(1e-6, 3 * error)):
                return sampler, after
            # Thinned at several levels, frequencies rise faster than the rates: half a step, in logarithms.
            before, last = np.minimum(before * ratio**0.5, MOST), before
            if np.array_equal(before, last):
                break
        raise ValueError(
            f"mean_active={mean_active}: the hierarchy leaves {after.sum(1).max():.4g} of rates up to {MOST}"
        )

    def _sampler(
        self, rates: Float[np.ndarray, "n_streams n"], forests: list[Forest] | None
    ) -> FiringSampler:
        rng = generator_of(self.seed, "dependence")
        on_request = np.zeros(rates.shape, dtype=bool)
        if forests:
            on_request = np.stack([forest.parents >= 0 for forest in forests])
        sampler = self.dependence.sampler(FiringRates(rates, self.clusters, on_request), rng)
        scale = self.hierarchy is not None and self.hierarchy.scale_children
        return FiringSampler(sampler, self.magnitudes, forests, scale)

    def _after(
        self, sampler: FiringSampler, forests: list[Forest], before: Float[np.ndarray, "n_streams n"]
    ) -> tuple[Float[np.ndarray, "n_streams n"], Float[np.ndarray, "n_streams 1"]]:
        """Frequencies of the features, and the relative standard error of their sum."""
        if isinstance(self.dependence, Independent):
            pairs = zip(forests, before, strict=True)
            return np.stack([forest.rates_after(own) for forest, own in pairs]), np.zeros((len(forests), 1))
        # The same generator states for all rates: differences then come mostly from the rates.
        states = (generator_of(self.seed, "frequencies", chunk) for chunk in range(_COUNTED // 1024))
        counted = np.stack([sampler.frequencies(1024, state) for state in states])
        active = counted.sum(2)
        spread = active.std(0) / np.maximum(active.mean(0), 1e-12) / np.sqrt(len(active))
        return counted.mean(0), spread[:, None]
