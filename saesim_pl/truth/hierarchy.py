"""Features that fire only where their parent fires."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from saesim_pl.checks import check_counts
from saesim_pl.truth.siblings import MOST, chosen_share, rates_before_choice

Compensation = Literal["none", "exact", "clipped"]


class Hierarchy:
    """A feature fires only where its parent fires; children of a parent may be mutually exclusive.

    Firings of the dependence are thinned from the roots down. A firing without a firing parent is removed. Of
    several firing children that exclude each other, one is kept, each with the same probability. Structure
    and rules follow SynthSAEBench (Chanin and Garriga-Alonso, 2026). If a stream lacks a parent, its children
    are roots there.
    Given the common causes of a sample, features fire independently. So children are drawn for firing parents
    only, and deep trees cost little.

    Args:
        parents: Parent of each feature, -1 for a root; features beyond the list are roots.
        exclusive: Whether the children of a parent exclude each other; a list names the parents.
        scale_children: Whether a child's magnitude is multiplied by its parent's over the parent's mean.
        compensate: ``none``: rates hold before the thinning. ``exact``: rates hold after the thinning; the
            rates before it are raised (exactly for independent firings, approximately otherwise); refused if
            children would have to fire more often than their parent. ``clipped``: as ``exact``, but as near
            as possible instead of refused.

    Raises:
        ValueError: A number in ``parents`` or ``exclusive`` is no feature, or a feature is its own ancestor.
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
        """The hierarchy of one stream, among its features: those with a rate above 0.

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
        """Rates before the thinning.

        Raises:
            ValueError: ``compensate`` is ``exact``, and a child should fire more often than its parent.
        """
        return (
            rates if self.compensate == "none" else forest.rates_before(rates, self.compensate == "clipped")
        )


class Trees(Hierarchy):
    """Trees of one shape over the first features, level by level, so that parents are the most frequent.

    Args:
        n_roots: Number of trees.
        branching: Number of children of each feature above the lowest level.
        depth: Number of levels below the roots.
        exclusive: Whether the children of a parent exclude each other; a list names the parents.
        scale_children: Whether a child's magnitude is multiplied by its parent's over the parent's mean.
        compensate: Whether rates hold before or after the thinning; see ``Hierarchy``.

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
    """Depth of each feature below its root, which has depth 0.

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
        parents: Parent of each feature, -1 for a root.
        exclusive: Whether the children of each feature exclude each other.
    """

    def __init__(self, parents: Int[np.ndarray, " n"], exclusive: Bool[np.ndarray, " n"]) -> None:
        self.parents, self.exclusive, self.depth = parents, exclusive, depths(parents)
        self.levels = [np.flatnonzero(self.depth == level) for level in range(1, self.depth.max() + 1)]

    def rates_before(self, rates: Float[np.ndarray, " n"], clip: bool) -> Float[np.ndarray, " n"]:
        """Rates of independent firings that the thinning reduces to ``rates``.

        Args:
            rates: Rates after the thinning.
            clip: Whether impossible rates are approximated instead of refused.

        Raises:
            ValueError: A child, or exclusive children together, should fire more often than their parent.
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
        """Rates after the thinning of independent firings at ``rates``."""
        after = rates.copy()
        for level in self.levels:
            parents = self.parents[level]
            chosen = np.where(self.exclusive[parents], chosen_share(rates[level], parents), 1)
            after[level] = after[parents] * rates[level] * chosen
        return after


def parent_places(cells: Int[np.ndarray, " n"], forest: Forest) -> Int[np.ndarray, " n"]:
    """Index of each cell's parent in the ascending ``cells``; undefined for roots."""
    feature = cells % len(forest.parents)
    return np.searchsorted(cells, cells + (forest.parents[feature] - feature).astype(cells.dtype))


def scale_by_parents(
    cells: Int[np.ndarray, " n"],
    magnitude: Float[np.ndarray, " n"],
    means: Float[np.ndarray, " n_features"],
    forest: Forest,
) -> Float[np.ndarray, " n"]:
    """Magnitudes multiplied, from the roots down, by the parent's magnitude over the parent's mean."""
    place, feature, scaled = parent_places(cells, forest), cells % len(means), magnitude.copy()
    depth = forest.depth[feature]
    for level in range(1, len(forest.levels) + 1):
        here = np.flatnonzero(depth == level)
        scaled[here] *= scaled[place[here]] / means[feature[place[here]]]
    return scaled
