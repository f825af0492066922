"""Feature sets, pairings, nulls over whole procedures, and the rows that they give; no Lightning."""

from saesim_pl.comparison.compare_pairs import compare_pairs
from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.measure import Measure, measures_of
from saesim_pl.comparison.nulls import (
    GaussianNull,
    GivenNull,
    Null,
    PermutationNull,
    ReflectionNull,
    RotationNull,
    ShiftedTokensNull,
    SubsetNull,
    null_chooser,
)
from saesim_pl.comparison.pairing import CorrelationPairing, CosinePairing, Pairing, Unpaired
from saesim_pl.comparison.question import Pair
from saesim_pl.comparison.row import ComparisonRow

__all__ = [
    "ComparisonRow",
    "CorrelationPairing",
    "CosinePairing",
    "FeatureSet",
    "GaussianNull",
    "GivenNull",
    "Measure",
    "Null",
    "Pair",
    "Pairing",
    "PermutationNull",
    "ReflectionNull",
    "RotationNull",
    "ShiftedTokensNull",
    "SubsetNull",
    "Unpaired",
    "compare_pairs",
    "measures_of",
    "null_chooser",
]
