"""A matrix in a file, whose orientation is said and never guessed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

MATRIX = re.compile(r"(?P<path>.+?\.(?:npy|safetensors|pt))(?P<rest>(?::[^:]*)*)")
"""``FILE:rows``, ``FILE:columns``, ``FILE:KEY:rows`` or ``FILE:KEY:columns``."""

ORIENTATIONS = ("rows", "columns")


def read_matrix(spec: str) -> Float[Tensor, "n d"]:
    """The features that a file holds, as rows.

    Args:
        spec: Path of an ``.npy``, ``.safetensors`` or ``.pt`` file, the key of the tensor where the file
            has several, and whether its ``rows`` or its ``columns`` are features:
            ``weights.npy:rows``, ``model.safetensors:decoder.weight:columns``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The orientation is not said, there is no such key, or the file holds something else.
    """
    found = MATRIX.fullmatch(spec)
    if found is None:
        raise ValueError(f"{spec} is no .npy, .safetensors or .pt file")
    path, parts = Path(found["path"]), found["rest"].split(":")[1:]
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    oriented = bool(parts) and parts[-1] in ORIENTATIONS
    key = ":".join(parts[:-1] if oriented else parts)
    matrix = _READERS[path.suffix](path, key)
    shape = tuple(matrix.shape)
    if matrix.ndim != 2:
        raise ValueError(f"{spec} has shape {shape}, not that of a matrix")
    if not oriented:
        raise ValueError(
            f"{spec} has shape {shape}: say whether features are its rows or its columns, as in {spec}:rows"
        )
    if matrix.is_complex():
        raise ValueError(f"{spec} holds complex numbers")
    rows = matrix if parts[-1] == "rows" else matrix.T.contiguous()
    return rows.to(torch.promote_types(rows.dtype, torch.float32))


def _read_npy(path: Path, key: str) -> Tensor:
    if key:
        raise ValueError(f"{path} holds one array, no {key!r}")
    try:
        return torch.from_numpy(np.load(path, allow_pickle=False))
    except (ValueError, TypeError, EOFError, OSError) as error:
        raise ValueError(f"{path} holds no array of numbers: {_line(error)}") from None


def _read_safetensors(path: Path, key: str) -> Tensor:
    try:
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(_chosen(path, key, list(file.keys())))
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {_line(error)}") from None


def _read_pt(path: Path, key: str) -> Tensor:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch.load raises nearly anything for a damaged file; none of it says which file.
        raise ValueError(f"{path} is damaged, or holds more than tensors: {_line(error)[:120]}") from None
    if isinstance(content, Tensor):
        if key:
            raise ValueError(f"{path} holds one tensor, no {key!r}")
        return content.detach()
    tensors = dict(_flat(content)) if isinstance(content, dict) else {}
    return tensors[_chosen(path, key, list(tensors))].detach()


_READERS = {".npy": _read_npy, ".safetensors": _read_safetensors, ".pt": _read_pt}


def _flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    for name, value in content.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")


def _chosen(path: Path, key: str, keys: list[str]) -> str:
    if not keys:
        raise ValueError(f"{path} holds no tensor")
    if not key and len(keys) == 1:
        return keys[0]
    if key not in keys:
        said = f"no tensor {key!r}" if key else f"{len(keys)} tensors"
        shown = ", ".join(sorted(keys)[:8]) + (", ..." if len(keys) > 8 else "")
        raise ValueError(f"{path} holds {said}: name one of {shown}")
    return key


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
