"""Activations of a saved SynthSAEBench model."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from saesim_pl.data.generated import GeneratedActivations
from saesim_pl.data.normalization import NormalizationMode
from saesim_pl.interop.synth_sae_bench_folder import SavedModel, read_model
from saesim_pl.truth.dependence import Dependence, Independent
from saesim_pl.truth.firing_law import FiringLaw
from saesim_pl.truth.hierarchy import Hierarchy
from saesim_pl.truth.rectified import RectifiedNormalMagnitudes, ThinnedCopula
from saesim_pl.truth.true_features import TrueFeatures


class SynthSAEBenchActivations(GeneratedActivations):
    """Activations of a saved SynthSAEBench model (Chanin and Garriga-Alonso, 2026), in one stream ``a``.

    SAELens's ``SyntheticModel.save`` writes the folder. Firing probabilities come from its weights and hold
    before magnitudes below 0 and the hierarchy thin the firings. ``true_features`` holds the frequencies
    after that: exact if firings are independent or there is no hierarchy, else counted.

    Args:
        folder: Folder with ``synthetic_model_config.json``, ``synthetic_model.safetensors`` and, if the model
            has a hierarchy, ``hierarchy.json``.
        noise_std: Standard deviation of normal noise in each dimension; SynthSAEBench adds no noise.
        samples_per_epoch: Training samples of one epoch.
        validation_samples: Validation samples, the same at every validation.
        batch_size: Samples per optimizer step, over all processes.
        seed: Seed of all batches, and of the features' mean magnitudes if the model is saved without a seed.
        num_workers: Processes that prepare batches ahead; 0 prepares them in the training process.
        normalize: ``none``, ``mean_norm``, ``row_norm`` or ``standardise``; see ``ActivationDataModule``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is malformed or asks for something unsupported, or a number is out of range.
    """

    same_space = True

    def __init__(
        self,
        folder: str,
        noise_std: float = 0.0,
        samples_per_epoch: int = 100_000,
        validation_samples: int = 10_000,
        batch_size: int = 1024,
        seed: int = 0,
        num_workers: int = 0,
        normalize: NormalizationMode = "none",
    ) -> None:
        model = read_model(Path(folder), seed)
        magnitudes = RectifiedNormalMagnitudes(model.locations, model.deviations)
        _check_scaling(folder, model)
        rates = _rates(folder, model, magnitudes)
        clusters = np.full(len(rates), -1)
        law = FiringLaw(_dependence(model, magnitudes), model.hierarchy, magnitudes, clusters, seed)
        sampler, frequencies = law.at(rates[None], None)
        super().__init__(
            {"a": model.vectors},
            [sampler],
            {"a": model.bias if model.bias.any() else None},
            noise_std,
            samples_per_epoch,
            validation_samples,
            batch_size,
            seed,
            num_workers,
            normalize,
        )
        parents = None if model.hierarchy is None else torch.from_numpy(model.hierarchy.parents)
        self.true_features = {
            "a": TrueFeatures(
                torch.nn.functional.normalize(model.vectors),
                torch.arange(len(rates)),
                parents=parents,
                frequencies=torch.from_numpy(frequencies[0]),
            )
        }


def _dependence(model: SavedModel, magnitudes: RectifiedNormalMagnitudes) -> Dependence:
    if model.correlation is None:
        return Independent()
    return ThinnedCopula(*model.correlation, magnitudes.positive)


def _check_scaling(folder: str, model: SavedModel) -> None:
    if model.hierarchy is None or not model.hierarchy.scale_children:
        return
    parents = np.unique(model.hierarchy.parents[model.hierarchy.parents >= 0])
    if (model.locations[parents] <= 0).any():
        feature = parents[model.locations[parents].argmin()]
        raise ValueError(
            f"{folder}: feature {feature} scales its children by its mean magnitude, "
            f"which must be positive, got {model.locations[feature]:.3g}"
        )


def _rates(
    folder: str, model: SavedModel, magnitudes: RectifiedNormalMagnitudes
) -> Float[np.ndarray, " n_features"]:
    """Firing rates before the hierarchy thins firings; 0 if the feature has an ancestor that never fires.

    Raises:
        ValueError: No feature ever fires.
    """
    rates = model.probabilities * magnitudes.positive
    if model.correlation is None:
        # Independent firings are drawn as arrivals; a rate of 1 would need infinitely many.
        rates = np.minimum(rates, 1 - 2.0**-24)
    if model.hierarchy is not None:
        rates = _reachable(rates, model.hierarchy)
    if not rates.any():
        raise ValueError(f"{folder}: no feature ever fires")
    return rates


def _reachable(
    rates: Float[np.ndarray, " n_features"], hierarchy: Hierarchy
) -> Float[np.ndarray, " n_features"]:
    rates = rates.copy()
    for level in hierarchy.forest(np.ones_like(rates)).levels:
        rates[level] *= rates[hierarchy.parents[level]] > 0
    return rates
