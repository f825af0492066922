"""Inputs of tests/data/similarity_golden.json, rebuilt from their recipes."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

GOLDEN = json.loads((Path(__file__).parent / "data" / "similarity_golden.json").read_text())
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in GOLDEN["cases"]}


def _rotation(rng: np.random.Generator, p: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.standard_normal((p, p)))
    return q * np.sign(np.diag(r))


def _rotated(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((60, 12))
    y = 2.5 * (x @ _rotation(rng, 12))
    return x, y + rng.standard_normal((1, 12))


def _permuted(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((50, 8))
    return x, x[rng.permutation(50)]


def _noisy(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((64, 20)) + 0.5
    w = rng.standard_normal((20, 12)) / np.sqrt(20)
    return x, x @ w + 0.3 * rng.standard_normal((64, 12))


def _sparse(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    latent = rng.standard_normal((80, 12))
    x = np.maximum(latent + 0.6, 0)
    y = np.maximum(latent[:, :9] + 0.4 * rng.standard_normal((80, 9)) + 0.6, 0)
    x[:, -1] = 0
    y[:, 0] = 0
    return x, y


def _large(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    z, s = rng.standard_normal((512, 64)), (1.0 + np.arange(64)) ** -0.6
    left, right = _rotation(rng, 64), _rotation(rng, 64)
    mu = rng.standard_normal((1, 64))
    x = (z * s) @ left + mu
    return x, ((z + 0.8 * rng.standard_normal((512, 64))) * s) @ right - 0.5 * mu


def _identical(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((48, 10))
    return x, x.copy()


def _independent(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((72, 14)), rng.standard_normal((72, 14))


_RECIPES = {
    "identical_48x10": _identical,
    "rotated_scaled_shifted_60x12": _rotated,
    "permuted_rows_50x8": _permuted,
    "noisy_widths_64x20_64x12": _noisy,
    "independent_72x14": _independent,
    "sparse_dead_80x12_80x9": _sparse,
    "large_512x64": _large,
}


@cache
def golden_inputs(name: str) -> tuple[Tensor, Tensor]:
    """The pair of matrices of a case, checked against the sums that the file gives."""
    case = CASES[name]
    if "inputs" in case:
        x, y = (np.array(case["inputs"][side]) for side in "XY")
    else:
        x, y = _RECIPES[name](np.random.default_rng(case["seed"]))
    assert abs(x.sum() - case["checks"]["sum_x"]) < 1e-8
    assert abs(y.sum() - case["checks"]["sum_y"]) < 1e-8
    return torch.from_numpy(x), torch.from_numpy(y)


def golden_values(measure: str) -> list[tuple[str, float]]:
    """Cases that have a value of the measure."""
    values = [(name, case["values"].get(measure)) for name, case in CASES.items()]
    return [(name, value) for name, value in values if value is not None]


def within_tolerance(measure: str, got: Tensor, expected: float) -> bool:
    """Whether a value is as close as the file asks for."""
    entry = GOLDEN["measures"][measure]
    return abs(got.item() - expected) <= entry["atol"] + entry["rtol"] * abs(expected)
