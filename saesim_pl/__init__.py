"""Train sparse autoencoders and measure how similar their feature spaces are.

Names load their room when they are first used: importing the package costs nothing.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

_ROOMS = {
    "compare": "saesim_pl.comparison.compare",
    "load_sae": "saesim_pl.interop.load_sae",
    "SAECohort": "saesim_pl.training",
    "SyntheticActivations": "saesim_pl.data",
    "CachedActivations": "saesim_pl.data",
    "StandardSAE": "saesim_pl.saes",
    "TopKSAE": "saesim_pl.saes",
    "BatchTopKSAE": "saesim_pl.saes",
    "MatryoshkaSAE": "saesim_pl.saes",
    "JumpReLUSAE": "saesim_pl.saes",
    "GatedSAE": "saesim_pl.saes",
    "PAnnealSAE": "saesim_pl.saes",
    "MatchingPursuitSAE": "saesim_pl.saes",
}
__all__ = [*_ROOMS, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("saesim-pl")
    if name not in _ROOMS:
        raise AttributeError(f"saesim_pl has no {name!r}")
    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
