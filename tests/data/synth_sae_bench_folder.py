"""Folders as SAELens saves them, written by hand."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

N, D_IN = 8, 5

CORRELATION = {
    "correlation_factor": torch.full((N, 1), 0.5),
    "correlation_diag": torch.full((N,), 0.75),
}


def node(feature: int | None, *children: dict, exclusive: bool = False, scale: bool = False) -> dict:
    return {
        "feature_index": feature,
        "mutually_exclusive_children": exclusive,
        "scale_children_by_parent": scale,
        "feature_id": None,
        "children": list(children),
    }


def weights(**more: torch.Tensor) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(N, D_IN, generator=generator))
    given = {
        "feature_vectors": vectors,
        "bias": torch.linspace(-1, 1, D_IN),
        "firing_probabilities": torch.linspace(0.5, 0.1, N),
    }
    return given | more


def write(
    folder: Path, roots: list | None = None, tensors: dict[str, torch.Tensor] | None = None, **config: Any
) -> str:
    settings = {"num_features": N, "hidden_dim": D_IN, "seed": 3, "hierarchy": None, "correlation": None}
    (folder / "synthetic_model_config.json").write_text(json.dumps(settings | config))
    save_file(weights(**(tensors or {})), folder / "synthetic_model.safetensors")
    if roots is not None:
        (folder / "hierarchy.json").write_text(json.dumps({"roots": roots}))
    return str(folder)
