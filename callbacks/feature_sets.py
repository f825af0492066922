"""Feature sets of a run: its dictionaries and its true features."""

from dataclasses import replace

from jaxtyping import Bool
from lightning.pytorch import Trainer
from torch import Tensor

from saesim_pl.comparison import FeatureSet
from saesim_pl.data.source import known_activations
from saesim_pl.training import SAECohort
from saesim_pl.truth.true_features import TrueFeatures


def dictionary_of(cohort: SAECohort, name: str) -> FeatureSet:
    """Decoder rows and encoder of one SAE; their space has the name of its stream."""
    sae = cohort.saes[name]
    encoder = sae.W_enc.detach().T.contiguous()
    features = FeatureSet(name, sae.dictionary, cohort.reads[name], encoder, source=f"SAE {name}")
    return features.to(sae.dictionary.device)


def truth_by_stream(trainer: Trainer) -> dict[str, TrueFeatures]:
    """True features of every stream, in normalized space; empty where they are unknown."""
    data = known_activations(trainer)
    served = None if data is None else data.served_features
    return {} if served is None else served


def on_device(truth: TrueFeatures, like: Tensor) -> TrueFeatures:
    """The features in the precision and on the device of ``like``."""
    return replace(truth, directions=truth.directions.to(like.device), ids=truth.ids.to(like.device))


def shared_of(truths: dict[str, TrueFeatures], stream: str) -> Bool[Tensor, " n_features"]:
    """Which features of a stream at least one of the other streams has too."""
    return truths[stream].shared_with(*(truth for name, truth in truths.items() if name != stream))
