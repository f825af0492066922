"""SynthSAEBench models as SAELens saves them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from scipy.special import ndtr, ndtri
from torch import Tensor

from saesim_pl.interop.synth_sae_bench_magnitudes import draw_magnitudes
from saesim_pl.interop.synth_sae_bench_trees import read_hierarchy
from saesim_pl.truth.correlation import Factors
from saesim_pl.truth.hierarchy import Hierarchy

CONFIG, WEIGHTS, TREES = "synthetic_model_config.json", "synthetic_model.safetensors", "hierarchy.json"

# Least independent share of a variable's variance: with a smaller one, levels would not fit into 32 bits.
_LEAST_OWN = 1e-6


@dataclass(frozen=True)
class SavedModel:
    """A model as its files describe it.

    Attributes:
        vectors: Directions, of any norm except 0.
        bias: Vector added to every sample.
        probabilities: Probability that a feature is drawn, before magnitudes and hierarchy thin the firings.
        correlation: F and s of normal variables of variance 1; None if features are independent.
        locations: Mean of each feature's magnitude, which is a normal number.
        deviations: Standard deviation of this normal number.
        hierarchy: Which features fire only where others fire; None without a hierarchy.
    """

    vectors: Float[Tensor, "n_features d_in"]
    bias: Float[Tensor, " d_in"]
    probabilities: Float[np.ndarray, " n_features"]
    correlation: Factors | None
    locations: Float[np.ndarray, " n_features"]
    deviations: Float[np.ndarray, " n_features"]
    hierarchy: Hierarchy | None


def read_model(folder: Path, seed: int) -> SavedModel:
    """The model saved in ``folder``.

    Args:
        folder: Folder of the files.
        seed: Seed of the magnitudes if the model is saved without a seed.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is malformed, or asks for something unsupported.
    """
    config = _read_json(folder / CONFIG)
    n, d_in = (_whole(folder / CONFIG, config, name) for name in ("num_features", "hidden_dim"))
    weights = _read_weights(folder / WEIGHTS, n, d_in, config.get("correlation") is not None)
    probabilities, correlation = _firing(folder / WEIGHTS, weights)
    locations, deviations = _magnitudes(folder / CONFIG, config, n, seed)
    hierarchy = None
    # Without the file SAELens would draw new trees, to which the saved probabilities do not belong.
    if config.get("hierarchy") is not None or (folder / TREES).exists():
        hierarchy = read_hierarchy(folder / TREES, _read_json(folder / TREES), n)
    vectors, bias = weights["feature_vectors"].float(), weights["bias"].float()
    if not vectors.any(1).all():
        row = int((~vectors.any(1)).int().argmax())
        raise ValueError(f"{folder / WEIGHTS}: feature_vectors is 0 in row {row}")
    return SavedModel(vectors, bias, probabilities, correlation, locations, deviations, hierarchy)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: no model that SAELens saved")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {type(content).__name__}, expected an object")
    return content


def _whole(path: Path, config: dict[str, Any], name: str) -> int:
    number = config.get(name)
    if type(number) is not int or number < 1:
        raise ValueError(f"{path}: {name} must be a whole number of at least 1, got {number!r}")
    return number


def _read_weights(path: Path, n: int, d_in: int, correlated: bool) -> dict[str, Tensor]:
    """The tensors, loaded after the file's header shows that they have the shapes of the config."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: no model that SAELens saved")
    shapes: dict[str, list[int | None]] = {
        "feature_vectors": [n, d_in],
        "bias": [d_in],
        "firing_probabilities": [n],
    }
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            if correlated or names & {"correlation_factor", "correlation_diag"}:
                shapes |= {"correlation_factor": [n, None], "correlation_diag": [n]}
            for name, shape in shapes.items():
                _check_shape(path, name, shape, file.get_slice(name).get_shape() if name in names else None)
            weights = {name: file.get_tensor(name) for name in shapes}
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from error
    for name, tensor in weights.items():
        if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
            raise ValueError(f"{path}: {name} must be finite real numbers, got {tensor.dtype}")
    return weights


def _check_shape(path: Path, name: str, expected: list[int | None], shape: list[int] | None) -> None:
    if shape is None:
        raise ValueError(f"{path} has no {name}")
    fits = len(shape) == len(expected) and all(
        have > 0 and want in (None, have) for have, want in zip(shape, expected, strict=True)
    )
    if not fits:
        wanted = ", ".join("rank" if size is None else str(size) for size in expected)
        raise ValueError(f"{path}: {name} has shape {shape}, expected [{wanted}]")


def _firing(
    path: Path, weights: dict[str, Tensor]
) -> tuple[Float[np.ndarray, " n_features"], Factors | None]:
    """Firing probabilities, and factors of normal variables scaled to variance 1.

    The scale also changes the probabilities.
    """
    probabilities = weights["firing_probabilities"].double().numpy()
    if not (probabilities.min() >= 0 and probabilities.max() <= 1):
        raise ValueError(
            f"{path}: firing_probabilities must lie in [0, 1], "
            f"got {probabilities.min():.3g} to {probabilities.max():.3g}"
        )
    if "correlation_diag" not in weights:
        return probabilities, None
    factor, diag = (weights[f"correlation_{part}"].double().numpy() for part in ("factor", "diag"))
    if diag.min() <= 0:
        raise ValueError(f"{path}: correlation_diag must be positive, got {diag.min():.3g}")
    variance = np.square(factor).sum(1) + diag
    if (diag / variance).min() < _LEAST_OWN:
        raise ValueError(
            f"{path}: correlation_diag must be {_LEAST_OWN:.0e} of the variance or more, "
            f"got {(diag / variance).min():.3g}"
        )
    deviation = np.sqrt(variance)
    factors = factor / deviation[:, None], np.sqrt(diag / variance)
    return ndtr(ndtri(probabilities) / deviation), factors


def _magnitudes(
    path: Path, config: dict[str, Any], n: int, seed: int
) -> tuple[Float[np.ndarray, " n_features"], Float[np.ndarray, " n_features"]]:
    base = config.get("seed")
    if base is None:
        base = seed
    if type(base) is not int:
        raise ValueError(f"{path}: seed must be a whole number or null, got {base!r}")
    drawn = []
    for name, default, offset in (("mean_firing_magnitudes", 1.0, 2), ("std_firing_magnitudes", 0.0, 1)):
        try:
            drawn.append(draw_magnitudes(config.get(name, default), n, base + offset))
        except ValueError as error:
            raise ValueError(f"{path}: {name}: {error}") from error
    return drawn[0], np.abs(drawn[1])
