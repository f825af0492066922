"""Nulls over the whole procedure: every draw is matched, chosen and scored as the data were."""

from saesim_pl.comparison.nulls.default import default_null, null_chooser
from saesim_pl.comparison.nulls.gaussian import GaussianNull
from saesim_pl.comparison.nulls.given import GivenNull
from saesim_pl.comparison.nulls.null import Null
from saesim_pl.comparison.nulls.permutation import PermutationNull
from saesim_pl.comparison.nulls.shifted_tokens import ShiftedTokensNull
from saesim_pl.comparison.nulls.subset import SubsetNull
from saesim_pl.comparison.nulls.turning import ReflectionNull, RotationNull

__all__ = [
    "GaussianNull",
    "GivenNull",
    "Null",
    "PermutationNull",
    "ReflectionNull",
    "RotationNull",
    "ShiftedTokensNull",
    "SubsetNull",
    "default_null",
    "null_chooser",
]
