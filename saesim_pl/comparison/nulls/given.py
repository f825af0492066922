"""Other feature sets in place of a side."""

from collections.abc import Sequence

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.nulls.null import Draw, Draws, Null


class GivenNull(Null):
    """Puts given feature sets in the place of ``b``, each of which is one draw.

    An SAE of a randomized model, a frozen decoder, initial weights: whatever a training run gives without
    the thing that is tested. A p-value needs several; one alone is a value to compare with.

    Args:
        feature_sets: The sets, of the width of ``b``.

    Raises:
        ValueError: ``feature_sets`` is empty.

    Example:
        >>> import torch
        >>> str(GivenNull(feature_sets=[FeatureSet("frozen", torch.eye(3))]))
        'GivenNull(frozen)'
    """

    def __init__(self, feature_sets: Sequence[FeatureSet]) -> None:
        if not feature_sets:
            raise ValueError("GivenNull needs at least one feature set")
        self.feature_sets, self.n_draws, self.seed = tuple(feature_sets), len(feature_sets), 0

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(given.name for given in self.feature_sets)})"

    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """The given sets, one after the other."""
        for given in self.feature_sets:
            if given.directions.shape[1] != b.directions.shape[1]:
                raise ValueError(
                    f"GivenNull: {given.name} has d_in={given.directions.shape[1]}, "
                    f"{b.name} has {b.directions.shape[1]}"
                )
        return _Given(a, self.feature_sets)


class _Given(Draws):
    def __init__(self, a: FeatureSet, given: Sequence[FeatureSet]) -> None:
        self.a, self.given = a, given

    def __call__(self, t: int) -> Draw:
        return Draw(self.a, self.given[t].to(self.a.directions.device))
