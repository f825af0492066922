"""Lightning callbacks that compare SAEs with each other, with ground truth and with chance."""

if __name__ != "saesim_pl.callbacks":
    raise ImportError(f"import this folder as saesim_pl.callbacks, not as {__name__}")

from .activation_writer import ActivationWriter
from .anneal import Anneal
from .aux_k import AuxK
from .compare_by_correlation import CompareByCorrelation
from .compare_dictionaries import CompareDictionaries
from .compare_to_truth import CompareToTruth
from .comparer import Comparer
from .comparison_table import ComparisonTable
from .dead_latents import DeadLatents
from .firing_histogram import FiringHistogram
from .float32_precision import Float32Precision
from .initialise import Initialise
from .last_checkpoint import LastCheckpoint
from .latent_writer import LatentWriter
from .on_saes import OnSAEs
from .resample_dead_latents import ResampleDeadLatents
from .sample_prefixes import SamplePrefixes
from .unit_norm_decoder import UnitNormDecoder

__all__ = [
    "ActivationWriter",
    "Anneal",
    "AuxK",
    "CompareByCorrelation",
    "CompareDictionaries",
    "CompareToTruth",
    "Comparer",
    "ComparisonTable",
    "DeadLatents",
    "FiringHistogram",
    "Float32Precision",
    "Initialise",
    "LastCheckpoint",
    "LatentWriter",
    "OnSAEs",
    "ResampleDeadLatents",
    "SamplePrefixes",
    "UnitNormDecoder",
]
