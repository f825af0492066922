"""Data modules, the sources of activations."""

from saesim_pl.data.batches import ActivationDataModule
from saesim_pl.data.cached import CachedActivations
from saesim_pl.data.loader import BatchLoader
from saesim_pl.data.synth_sae_bench import SynthSAEBenchActivations
from saesim_pl.data.synthetic import SyntheticActivations
from saesim_pl.data.text import TextContexts
from saesim_pl.truth.true_features import TrueFeatures

__all__ = [
    "ActivationDataModule",
    "BatchLoader",
    "CachedActivations",
    "SynthSAEBenchActivations",
    "SyntheticActivations",
    "TextContexts",
    "TrueFeatures",
]
