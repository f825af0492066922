"""Random rows in place of a group."""

import torch

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.nulls.null import Draw, Draws, Null, generator


class SubsetNull(Null):
    """Draws as many random rows of ``a`` in place of a group and pairs them again.

    Keeps everything but the choice of rows: a low p-value says that this group, such as a concept or a
    cluster, scores better than other groups of its size, not that the sides are related.

    Args:
        n_draws: Draws; the least p-value is ``1 / (n_draws + 1)``.
        seed: Decides all draws.

    Example:
        >>> str(SubsetNull(n_draws=99))
        'SubsetNull(99)'
    """

    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """Random rows of ``a``, as many as the group has.

        Raises:
            ValueError: The group is all of ``a``, so that there is no other choice.
        """
        size = len(a.only(group))
        if size == len(a):
            raise ValueError(
                f"SubsetNull: group {group!r} holds all {size} rows of {a.name}, nothing to choose"
            )
        return _Chosen(a, b, self.seed, size)


class _Chosen(Draws):
    def __init__(self, a: FeatureSet, b: FeatureSet, seed: int, size: int) -> None:
        self.a, self.b, self.seed, self.size = a, b, seed, size

    def __call__(self, t: int) -> Draw:
        order = torch.randperm(len(self.a), generator=generator(self.seed, t, len(self.a)))
        return Draw(self.a.rows(order[: self.size].sort().values), self.b)
