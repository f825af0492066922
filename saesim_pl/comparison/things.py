"""Named feature sets from whatever a user holds: words, SAEs, tensors."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.sources import SAELatents, feature_sets
from saesim_pl.saes import SparseAutoencoder

Thing = str | Path | FeatureSet | SparseAutoencoder | Tensor


def sets_of(things: Iterable[Thing]) -> list[FeatureSet]:
    """At least two feature sets whose names differ; a second ``a`` becomes ``a2``.

    Args:
        things: Words as :func:`~saesim_pl.comparison.sources.feature_sets` takes them, feature sets, SAEs, or
            matrices whose rows are features. SAEs and matrices are named ``a``, ``b``, ... by their place.

    Raises:
        FileNotFoundError: A word names a file or run that is not there.
        TypeError: A thing is something else.
        ValueError: There are fewer than two, or a name is not allowed in a table.
    """
    found: list[FeatureSet] = []
    for i, thing in enumerate(things):
        found += _sets_of(thing, chr(ord("a") + i % 26))
    if len(found) < 2:
        names = ", ".join(one.name for one in found) or "none"
        raise ValueError(f"a comparison needs at least two feature sets, got {names}")
    taken: set[str] = set()
    return [replace(one, name=_free(one.name, taken)).to(one.directions.device) for one in found]


def _sets_of(thing: Thing, letter: str) -> list[FeatureSet]:
    if isinstance(thing, FeatureSet):
        if not re.fullmatch(r"[A-Za-z]\w*", thing.name):
            raise ValueError(f"{thing.name!r} cannot name a feature set: take letters, digits, underscores")
        return [thing]
    if isinstance(thing, str | Path):
        return feature_sets(str(thing))
    if isinstance(thing, SparseAutoencoder):
        encoder = thing.W_enc.detach().T.contiguous()
        source = type(thing).__name__
        return [
            FeatureSet(letter, thing.dictionary, None, encoder, SAELatents(thing), source=source),
        ]
    if isinstance(thing, Tensor):
        return [FeatureSet(letter, thing, source="a tensor")]
    raise TypeError(f"{type(thing).__name__} can be compared with nothing: give an SAE, a matrix, a path")


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}{number}"
    taken.add(free)
    return free
