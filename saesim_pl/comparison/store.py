"""Scores of draws on disk, by the content of everything they depend on."""

import hashlib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import saesim_pl
from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.measure import Measure


class Store:
    """A folder of tensors by key. An entry that is damaged is as good as none.

    Args:
        folder: Made with the first entry.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Tensor | None:
        """The tensor kept under ``key``; None if it is missing or damaged."""
        try:
            with safe_open(self.folder / f"{key}.safetensors", framework="pt") as file:
                values = file.get_tensor("values")
                whole = (file.metadata() or {}).get("checksum") == _checksum(values)
        except (OSError, SafetensorError):
            return None
        return values if whole else None

    def put(self, key: str, values: Tensor) -> None:
        """Keep a tensor: whole, or not at all if the process is killed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{key}.safetensors"
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            save_file({"values": values.contiguous()}, part, {"checksum": _checksum(values)})
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _checksum(values: Tensor) -> str:
    return fingerprint(values)


def fingerprint(*things: Any) -> str:
    """A name for the content of things: equal where equal scores come from them.

    Understands plain values, tensors, feature sets, measures, and objects by their class and attributes.
    Classes of other packages count with their source.
    """
    digest = hashlib.sha256()
    _feed(digest.update, things)
    return digest.hexdigest()[:32]


def _feed(update: Callable[[Any], None], thing: Any) -> None:
    update(type(thing).__name__.encode())
    if thing is None or isinstance(thing, bool | int | float | str | bytes | Path):
        update(repr(thing).encode())
    elif isinstance(thing, Tensor):
        values = thing.detach().cpu().contiguous()
        update(f"{values.dtype}{tuple(values.shape)}".encode())
        update(values.flatten().view(torch.uint8).numpy())
    elif isinstance(thing, FeatureSet):
        _feed(update, {"rows": thing.directions, "encoder": thing.encoder, "groups": dict(thing.groups)})
    elif isinstance(thing, Measure):
        _feed_measure(update, thing)
    elif isinstance(thing, Mapping):
        for key in sorted(thing, key=str):
            _feed(update, key)
            _feed(update, thing[key])
    elif isinstance(thing, Sequence | range):
        for one in (repr(thing),) if isinstance(thing, range) else thing:
            _feed(update, one)
        update(b"end")
    else:
        update(_code_of(type(thing)).encode())
        _feed(update, vars(thing) if hasattr(thing, "__dict__") else repr(thing))


def _feed_measure(update: Callable[[Any], None], measure: Measure) -> None:
    if measure.declaration is not None:
        return _feed(update, [measure.declaration.name, dict(measure.options)])
    settings = {key: value for key, value in vars(measure.metric).items() if not key.startswith("_")}
    plain = (bool, int, float, str, tuple, list, type(None))
    update(_code_of(type(measure.metric)).encode())
    return _feed(update, {key: value for key, value in settings.items() if isinstance(value, plain)})


def _code_of(kind: type) -> str:
    """Name of a class; with its source, where it is not one of ours, whose code counts by itself."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__.startswith("saesim_pl."):
        return name
    with suppress(OSError, TypeError):
        return name + inspect.getsource(inspect.getmodule(kind) or kind)
    return name


@cache
def version_of_code() -> str:
    """Hash of the code that scores, so that no score outlives the formula it was made with."""
    root = Path(inspect.getfile(saesim_pl)).parent
    digest = hashlib.sha256(torch.__version__.encode())
    for room in ("functional", "metrics", "comparison"):
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
