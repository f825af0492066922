"""Which way a measure's score gets better."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from saesim_pl.functional.dictionaries.concentricity_difference import concentricity_difference
from saesim_pl.functional.dictionaries.magnitude_difference import magnitude_difference
from saesim_pl.functional.dictionaries.singular_value_distance import singular_value_distance
from saesim_pl.functional.dictionaries.uniformity_difference import uniformity_difference
from saesim_pl.functional.geometry.permutation_procrustes_distance import permutation_procrustes_distance
from saesim_pl.functional.geometry.procrustes_distance import procrustes_distance
from saesim_pl.functional.geometry.rsm_norm_difference import rsm_norm_difference
from saesim_pl.functional.invariances import INVARIANCES
from saesim_pl.functional.subspaces.gulp_distance import gulp_distance

_DISTANCES = {
    concentricity_difference,
    gulp_distance,
    magnitude_difference,
    permutation_procrustes_distance,
    procrustes_distance,
    rsm_norm_difference,
    singular_value_distance,
    uniformity_difference,
}
# Options that turn a similarity into a distance.
_DISTANCE_OPTIONS = {("form", "angle"), ("comparison", "l2")}


def higher_is_better(measure: Callable[..., Tensor], options: Mapping[str, Any]) -> bool:
    """Whether more alike sides score higher.

    Raises:
        ValueError: The measure is not among :data:`~saesim_pl.functional.invariances.INVARIANCES`.
    """
    if measure not in {declared.measure for declared in INVARIANCES}:
        name = getattr(measure, "__name__", measure)
        raise ValueError(f"{name} is no declared measure; pass the function itself, options as keywords")
    return measure not in _DISTANCES and not _DISTANCE_OPTIONS & set(options.items())
