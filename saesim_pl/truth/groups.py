"""Mutually exclusive features, and a fixed number of active features."""

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from saesim_pl.checks import check_counts
from saesim_pl.truth.dependence import Dependence, Draw, FiringRates, Sampler, sample_starts


class _WithoutRequests(Sampler):
    def fires(self, cells: np.ndarray, causes: Tensor | None, rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError("features of a group are drawn together")


def _refuse_hierarchy(dependence: Dependence, wanted: FiringRates) -> None:
    if wanted.on_request.any():
        raise ValueError(f"{type(dependence).__name__} draws features together, which no hierarchy may thin")


class OneOfGroup(Dependence):
    """At most one feature of a group fires in a sample, each at its own rate; groups are independent.

    If the rates of a group sum up to 1, exactly one of its features fires in every sample. If the groups are
    the points of circles, the activation moves on each circle.

    Args:
        n_groups: Feature i belongs to group i modulo this number; if left out, groups are the clusters of
            the directions, and a feature without a cluster forms its own group.

    Raises:
        ValueError: ``n_groups`` is below 1.
    """

    def __init__(self, n_groups: int | None = None) -> None:
        if n_groups is not None:
            check_counts(n_groups=n_groups)
        self.n_groups = n_groups

    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """A sampler of at most one feature of each group.

        Raises:
            ValueError: The rates of a group sum up to more than 1, there is a hierarchy, or neither
                ``n_groups`` nor clusters define groups.
        """
        _refuse_hierarchy(self, wanted)
        rates, clusters = wanted.rates, wanted.clusters
        features = np.arange(rates.shape[1])
        if self.n_groups:
            return _GroupSampler(rates, features % self.n_groups)
        if clusters.max() < 0:
            raise ValueError(
                "OneOfGroup has no groups: give n_groups, or directions in clusters, such as CircleDirections"
            )
        groups = np.where(clusters < 0, clusters.max() + 1 + features, clusters)
        return _GroupSampler(rates, np.unique(groups, return_inverse=True)[1])


class _GroupSampler(_WithoutRequests):
    """Draws which groups fire, then one feature of each.

    Draws at the highest rate of all streams; each stream keeps a firing with probability in proportion to its
    own rate.
    """

    def __init__(
        self, rates: Float[np.ndarray, "n_streams n_features"], groups: Int[np.ndarray, " n_features"]
    ) -> None:
        fastest = rates.max(0)
        totals = np.bincount(groups, fastest)
        if totals.max() > 1 + 1e-9:
            worst = totals.argmax()
            raise ValueError(f"firing rates of group {worst} sum up to {totals[worst]:.3g}, more than 1")
        self.keep = np.where(fastest > 0, rates / np.where(fastest > 0, fastest, 1), 0)
        self.totals = np.minimum(totals, 1).astype(np.float32)
        self.order = np.argsort(groups, kind="stable")
        # Features lie on a line; the features of group g fill the interval [g, g + 1].
        ends = np.cumsum(fastest[self.order])
        before = np.concatenate([[0], np.cumsum(totals)])[groups[self.order]]
        length = np.where(totals > 0, totals, 1)[groups[self.order]]
        self.line = groups[self.order] + np.minimum((ends - before) / length, 1)

    def draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        n_features, n_groups = self.keep.shape[1], len(self.totals)
        on = np.flatnonzero(rng.random((n_samples, n_groups), dtype=np.float32) < self.totals)
        sample, group = np.divmod(on, n_groups)
        place = np.searchsorted(self.line, group + rng.random(len(on)), side="right")
        feature = self.order[np.minimum(place, n_features - 1)]
        starts = sample_starts(n_samples, n_features)
        cells = starts[sample] + feature.astype(starts.dtype)
        order = cells.argsort()
        cells, feature = cells[order], feature[order]
        kept = rng.random(len(cells)) < self.keep[:, feature]
        fired = kept.any(0)
        return Draw(cells[fired], kept[:, fired])


class FixedNumber(Dependence):
    """The same number of features fires in every sample; all features fire equally often.

    As in Song et al. (2025), "Mechanistic interpretability should prioritize feature consistency in SAEs".
    """

    def sampler(self, wanted: FiringRates, rng: np.random.Generator) -> Sampler:
        """A sampler of feature sets of a fixed size.

        Raises:
            ValueError: Rates differ, do not sum up to a whole number, or there is a hierarchy.
        """
        _refuse_hierarchy(self, wanted)
        rates = wanted.rates
        for own in rates:
            number, on = own.sum(), own[own > 0]
            if abs(number - round(number)) > 1e-6:
                raise ValueError(
                    f"FixedNumber needs a whole mean number of active features, got {number:.6g}"
                )
            if np.ptp(on) > 1e-9:
                raise ValueError(f"FixedNumber needs one rate for all, got {on.min():.3g} to {on.max():.3g}")
        return _SetSampler(rates > 0, rates.sum(1).round().astype(int))


class _SetSampler(_WithoutRequests):
    """Draws a random number for each feature; in each stream the features with the least numbers fire."""

    def __init__(self, has: np.ndarray, numbers: np.ndarray) -> None:
        self.has, self.numbers = has, numbers

    def draw(self, n_samples: int, rng: np.random.Generator) -> Draw:
        n_features = self.has.shape[1]
        number = rng.random((n_samples, n_features), dtype=np.float32)
        on = np.zeros((len(self.has), n_samples, n_features), dtype=bool)
        for mask, has, n in zip(on, self.has, self.numbers, strict=True):
            least = np.where(has, number, 2).argpartition(n - 1, axis=1)[:, :n]
            np.put_along_axis(mask, least, True, axis=1)
        cells = np.flatnonzero(on.any(0)).astype(sample_starts(n_samples, n_features).dtype)
        return Draw(cells, on.reshape(len(on), -1)[:, cells])
