"""The reference cases of tests/data/similarity_golden.json, their inputs rebuilt from the recipes."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

FILE: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/similarity_golden.json").read_text())
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in FILE["cases"]}
MEASURES: dict[str, dict[str, Any]] = FILE["measures"]

Pair = tuple[np.ndarray, np.ndarray]


def _rotation(rng: np.random.Generator, p: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.standard_normal((p, p)))
    return q * np.sign(np.diag(r))


def _identical(rng: np.random.Generator) -> Pair:
    x = rng.standard_normal((48, 10))
    return x, x.copy()


def _rotated(rng: np.random.Generator) -> Pair:
    x = rng.standard_normal((60, 12))
    y = 2.5 * (x @ _rotation(rng, 12))
    return x, y + rng.standard_normal((1, 12))


def _permuted(rng: np.random.Generator) -> Pair:
    x = rng.standard_normal((50, 8))
    return x, x[rng.permutation(50)]


def _noisy(rng: np.random.Generator) -> Pair:
    x = rng.standard_normal((64, 20)) + 0.5
    w = rng.standard_normal((20, 12)) / np.sqrt(20)
    return x, x @ w + 0.3 * rng.standard_normal((64, 12))


def _independent(rng: np.random.Generator) -> Pair:
    return rng.standard_normal((72, 14)), rng.standard_normal((72, 14))


def _sparse(rng: np.random.Generator) -> Pair:
    latents = rng.standard_normal((80, 12))
    x = np.maximum(latents + 0.6, 0)
    y = np.maximum(latents[:, :9] + 0.4 * rng.standard_normal((80, 9)) + 0.6, 0)
    x[:, -1], y[:, 0] = 0, 0
    return x, y


def _large(rng: np.random.Generator) -> Pair:
    z, s = rng.standard_normal((512, 64)), (1 + np.arange(64)) ** -0.6
    first, second = _rotation(rng, 64), _rotation(rng, 64)
    mu = rng.standard_normal((1, 64))
    x = (z * s) @ first + mu
    return x, ((z + 0.8 * rng.standard_normal((512, 64))) * s) @ second - 0.5 * mu


RECIPES: dict[str, Callable[[np.random.Generator], Pair]] = {
    "identical": _identical,
    "rotated": _rotated,
    "permuted": _permuted,
    "noisy": _noisy,
    "independent": _independent,
    "sparse": _sparse,
    "large": _large,
}


@cache
def golden_inputs(name: str) -> tuple[Tensor, Tensor]:
    """X and Y of a case in float64, confirmed by the file's checks."""
    case = CASES[name]
    if "inputs" in case:
        x, y = (np.array(case["inputs"][side]) for side in "XY")
    else:
        x, y = RECIPES[name.split("_")[0]](np.random.default_rng(case["seed"]))
    seen = [x.sum(), y.sum(), np.linalg.norm(x), np.linalg.norm(y), x.flat[0], y.flat[-1]]
    expected = [case["checks"][key] for key in
                ("sum_x", "sum_y", "frobenius_x", "frobenius_y", "x_first", "y_last")]  # fmt: skip
    np.testing.assert_allclose(seen, expected, rtol=1e-9, atol=1e-9)
    return torch.from_numpy(x), torch.from_numpy(y)


def golden_values(measure: str) -> list[tuple[str, float]]:
    """Cases that have a value of the measure."""
    values = [(name, case["values"].get(measure)) for name, case in CASES.items()]
    return [(name, value) for name, value in values if value is not None]


def within_tolerance(measure: str, got: Tensor, expected: float) -> bool:
    """Whether a value is as close as the file asks for."""
    entry = MEASURES[measure]
    return abs(got.item() - expected) <= entry["atol"] + entry["rtol"] * abs(expected)
