"""Features that fire only where their parent does."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from saesim_pl.checks import check_counts
from saesim_pl.truth.siblings import MOST, chosen_share, rates_before_choice

Compensation = Literal["none", "exact", "clipped"]


class Hierarchy:
    """A feature fires only where its parent does; of the children of some parents only one fires at a time.

    What the dependence lets fire is thinned from the roots down: what has no firing parent goes, and of
    several firing children that exclude each other one is kept, each equally likely. Structure and rules
    are those of SynthSAEBench (Chanin and Garriga-Alonso, 2026). Where a stream lacks a parent, the children
    are roots.
    Given what the features of a sample have in common each fires independently, so that children are drawn
    for firing parents only: deep trees cost little.

    Args:
        parents: Of each feature, -1 for none; features beyond the list have none.
        exclusive: Whether the children of a parent exclude each other; a list names the parents.
        scale_children: Whether a child's magnitude is multiplied by its parent's over the parent's mean.
        compensate: ``none``: rates are those before the thinning. ``exact``: those after it, and firings are
            raised beforehand (exact where they are independent, near where they are not); refused where
            children would have to fire more often than their parent. ``clipped``: as near to that as goes.

    Raises:
        ValueError: A feature named is none, or one is its own ancestor.
    """

    def __init__(
        self,
        parents: list[int],
        exclusive: bool | list[int] = False,
        scale_children: bool = False,
        compensate: Compensation = "exact",
    ) -> None:
        self.parents = np.asarray(parents, dtype=np.int64)
        named = {"parents": parents, "exclusive": exclusive if isinstance(exclusive, list) else []}
        for name, features in named.items():
            if bad := [i for i in features if not -(name == "parents") <= i < len(parents)]:
                raise ValueError(f"{name}: {bad[0]} is none of the {len(parents)} features")
        if compensate not in get_args(Compensation):
            raise ValueError(f"compensate must be one of {get_args(Compensation)}, got {compensate!r}")
        self.exclusive, self.scale_children, self.compensate = exclusive, scale_children, compensate
        depths(self.parents)

    def forest(self, rates: Float[np.ndarray, " n_features"]) -> "Forest":
        """The hierarchy among the features that a stream has, those whose rate is above 0.

        Raises:
            ValueError: There are fewer features than parents.
        """
        n = len(rates)
        if n < len(self.parents):
            raise ValueError(f"parents are given for {len(self.parents)} features, but there are {n}")
        parents = np.concatenate([self.parents, np.full(n - len(self.parents), -1)])
        parents[(rates == 0) | (rates[parents] == 0)] = -1
        exclusive = np.full(n, self.exclusive is True)
        if isinstance(self.exclusive, list):
            exclusive[self.exclusive] = True
        return Forest(parents, exclusive)

    def rates_before(
        self, forest: "Forest", rates: Float[np.ndarray, " n_features"]
    ) -> Float[np.ndarray, " n_features"]:
        """Rates at which features fire before the thinning.

        Raises:
            ValueError: ``exact`` is asked for, and a child fires more often than its parent lets it.
        """
        return (
            rates if self.compensate == "none" else forest.rates_before(rates, self.compensate == "clipped")
        )


class Trees(Hierarchy):
    """Trees of one shape over the first features, level by level, so that parents are the more frequent ones.

    Args:
        n_roots: How many trees there are.
        branching: Children of each feature that has any.
        depth: Levels below the roots.
        exclusive: Whether the children of a parent exclude each other; a list names the parents.
        scale_children: Whether a child's magnitude is multiplied by its parent's over the parent's mean.
        compensate: Whether rates are those before or after the thinning; see ``Hierarchy``.

    Raises:
        ValueError: A number below 1.
    """

    def __init__(
        self,
        n_roots: int,
        branching: int,
        depth: int = 1,
        exclusive: bool | list[int] = False,
        scale_children: bool = False,
        compensate: Compensation = "exact",
    ) -> None:
        check_counts(n_roots=n_roots, branching=branching, depth=depth)
        level = np.arange(n_roots)
        parents = [np.full(n_roots, -1)]
        for _ in range(depth):
            parents.append(level.repeat(branching))
            level = level[-1] + 1 + np.arange(len(parents[-1]))
        super().__init__(np.concatenate(parents).tolist(), exclusive, scale_children, compensate)


def depths(parents: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Levels between each feature and its root.

    Raises:
        ValueError: A feature is its own ancestor.
    """
    depth = np.where(parents < 0, 0, -1)
    while (open_ := (depth < 0) & (depth[parents] >= 0)).any():
        depth[open_] = depth[parents[open_]] + 1
    if (depth < 0).any():
        raise ValueError(f"hierarchy: feature {(depth < 0).argmax()} is its own ancestor, or has one that is")
    return depth


class Forest:
    """The hierarchy of one stream.

    Args:
        parents: Of each feature, -1 for none.
        exclusive: Whether a feature's children exclude each other.
    """

    def __init__(self, parents: Int[np.ndarray, " n"], exclusive: Bool[np.ndarray, " n"]) -> None:
        self.parents, self.exclusive, self.depth = parents, exclusive, depths(parents)
        self.levels = [np.flatnonzero(self.depth == level) for level in range(1, self.depth.max() + 1)]

    def rates_before(self, rates: Float[np.ndarray, " n"], clip: bool) -> Float[np.ndarray, " n"]:
        """Rates of independent firings that thinning brings down to ``rates``.

        Args:
            rates: Those after the thinning.
            clip: Whether to go as near as goes where that is impossible.

        Raises:
            ValueError: A child fires more often than its parent, or exclusive children together do.
        """
        before = rates.copy()
        for level in self.levels:
            parents = self.parents[level]
            share = rates[level] / rates[parents]
            if share.max() > 1 and not clip:
                i = share.argmax()
                raise ValueError(
                    f"feature {level[i]} fires at rate {rates[level[i]]:.3g}, "
                    f"its parent {parents[i]} only at {rates[parents[i]]:.3g}: "
                    "set compensate to clipped or none"
                )
            rivals = self.exclusive[parents]
            raised = rates_before_choice(share, parents, rivals, clip)
            before[level] = np.minimum(np.where(rivals, raised, share), MOST if clip else 1)
        return before

    def rates_after(self, rates: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """What thinning leaves of independent firings at ``rates``."""
        after = rates.copy()
        for level in self.levels:
            parents = self.parents[level]
            chosen = np.where(self.exclusive[parents], chosen_share(rates[level], parents), 1)
            after[level] = after[parents] * rates[level] * chosen
        return after


def parent_places(cells: Int[np.ndarray, " n"], forest: Forest) -> Int[np.ndarray, " n"]:
    """Where among the ascending ``cells`` each one's parent stands; meaningless for roots."""
    feature = cells % len(forest.parents)
    return np.searchsorted(cells, cells + (forest.parents[feature] - feature).astype(cells.dtype))


def scale_by_parents(
    cells: Int[np.ndarray, " n"],
    magnitude: Float[np.ndarray, " n"],
    means: Float[np.ndarray, " n_features"],
    forest: Forest,
) -> Float[np.ndarray, " n"]:
    """Magnitudes times those of the parents, relative to the parents' means, from the roots down."""
    place, feature, scaled = parent_places(cells, forest), cells % len(means), magnitude.copy()
    depth = forest.depth[feature]
    for level in range(1, len(forest.levels) + 1):
        here = np.flatnonzero(depth == level)
        scaled[here] *= scaled[place[here]] / means[feature[place[here]]]
    return scaled
