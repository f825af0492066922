"""Lightning callbacks that compare SAEs with each other, with ground truth and with chance."""

if __name__ != "saesim_pl.callbacks":
    raise ImportError(f"import this folder as saesim_pl.callbacks, not as {__name__}")

from .activation_writer import ActivationWriter
from .compare_by_correlation import CompareByCorrelation
from .compare_dictionaries import CompareDictionaries
from .compare_to_truth import CompareToTruth
from .comparer import Comparer, ComparisonRow
from .comparison_table import ComparisonTable
from .last_checkpoint import LastCheckpoint

__all__ = [
    "ActivationWriter",
    "CompareByCorrelation",
    "CompareDictionaries",
    "CompareToTruth",
    "Comparer",
    "ComparisonRow",
    "ComparisonTable",
    "LastCheckpoint",
]
