"""Parameters of SynthSAEBench models with one number for each feature."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def draw_magnitudes(given: Any, n: int, seed: int) -> Float[np.ndarray, " n"]:
    """One number for each feature, as a config of SAELens defines them.

    Args:
        given: A number, or an object that names a generator.
        n: Number of features.
        seed: Seed of random generators; with the same seed SAELens draws the same numbers.

    Raises:
        ValueError: The generator or one of its parameters is unknown, or a number is not finite.
    """
    given = given if isinstance(given, dict) else {"generator_name": "constant", "value": given}
    parameters = {key: value for key, value in given.items() if key != "generator_name"}
    make = _GENERATORS.get(str(given.get("generator_name"))[:60])
    if make is None:
        raise ValueError(f"generator_name must be one of {sorted(_GENERATORS)}")
    for name, value in parameters.items():
        if type(value) not in (int, float) and not (value is None and name in ("min_value", "max_value")):
            raise ValueError(f"{name} must be a number, got {type(value).__name__}")
    try:
        numbers = make(n, torch.Generator().manual_seed(seed), **parameters)
    except (TypeError, RuntimeError, OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"{given!r}: {error}") from error
    if not torch.isfinite(numbers).all():
        raise ValueError(f"{given!r} does not give finite numbers")
    return numbers.double().numpy()


def _constant(n: int, _: torch.Generator, value: float = 1.0) -> Float[Tensor, " n"]:
    return torch.full((n,), float(value))


def _linear(n: int, _: torch.Generator, start: float, end: float) -> Float[Tensor, " n"]:
    return torch.linspace(start, end, n)


def _exponential(n: int, _: torch.Generator, start: float, end: float) -> Float[Tensor, " n"]:
    if start <= 0 or end <= 0:
        raise ValueError(f"start and end must be positive, got {start} and {end}")
    return start * (end / start) ** torch.linspace(0, 1, n)


def _folded_normal(
    n: int,
    generator: torch.Generator,
    mean: float = 0.0,
    std: float = 0.1,
    min_value: float | None = None,
    max_value: float | None = None,
) -> Float[Tensor, " n"]:
    size = (mean + std * torch.randn(n, generator=generator)).abs()
    return size if min_value is max_value is None else size.clamp(min_value, max_value)


_GENERATORS: dict[str, Callable[..., Tensor]] = {
    "constant": _constant,
    "linear": _linear,
    "exponential": _exponential,
    "folded_normal": _folded_normal,
}
