"""The data of a finished run, made from the configuration in its folder."""

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import saesim_pl.data
import saesim_pl.truth
from saesim_pl.data.batches import ActivationDataModule

CONFIG = "config.yaml"

OWN_PARTS = (saesim_pl.data.__name__, saesim_pl.truth.__name__)
"""Packages whose classes a data module may be composed of."""


def config_of_data(run: Path) -> dict[str, Any] | None:
    """The ``data`` block of a run's configuration; None without one, such as in a run started from Python.

    Raises:
        ValueError: The configuration cannot be read.
    """
    path = run / CONFIG
    if not path.is_file():
        return None
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    block = config.get("data") if isinstance(config, Mapping) else None
    if block is None:
        return None
    block = {"class_path": block} if isinstance(block, str) else block
    if not isinstance(block, Mapping) or not isinstance(block.get("class_path"), str):
        raise ValueError(f"{path}: data names no class_path")
    return dict(block)


def reopen_data(run: Path) -> ActivationDataModule:
    """The data module that a run was trained on, made from its ``config.yaml``.

    The folder may come from an untrusted source. So its configuration may only name data modules that this
    process has already imported, composed of classes of ``saesim_pl.data`` and ``saesim_pl.truth``. All names
    are checked before the first object is made.

    Args:
        run: Folder of the run.

    Raises:
        FileNotFoundError: The folder has no configuration, or its data are missing.
        ValueError: See :func:`made_data`.
    """
    block = config_of_data(run)
    if block is None:
        raise FileNotFoundError(f"{run} does not say what its data were: it has no {CONFIG} with data")
    return made_data(block, run / CONFIG)


def made_data(block: Mapping[str, Any], path: Path) -> ActivationDataModule:
    """The data module that ``block`` describes; see :func:`reopen_data`.

    Args:
        block: ``class_path`` and ``init_args``.
        path: File that holds it, for messages.

    Raises:
        FileNotFoundError: The data are missing.
        ValueError: The block names an unknown class, or arguments that the class refuses.
    """
    found = _imported(block["class_path"])
    if not (found and issubclass(found, ActivationDataModule)):
        raise ValueError(
            f"{path}: data is {block['class_path']!r}, which is no data module known here; import a "
            "class of your own first, or pass the activations"
        )
    for key, value in block.items():
        if key not in ("class_path", "init_args", "dict_kwargs"):
            raise ValueError(f"{path}: data has no {key}, got {value!r}")
    _check_parts(block, path, "data")
    try:
        made = _made(block)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{path}: data: {' '.join(str(error).split())}") from error
    return made


def _check_parts(value: Any, path: Path, key: str) -> None:
    """Refuse values other than plain data and our own classes with their arguments."""
    if isinstance(value, Mapping):
        if key != "data" and "class_path" in value:
            part = _imported(value["class_path"])
            if part is None or not part.__module__.startswith(OWN_PARTS):
                raise ValueError(f"{path}: {key} is {value['class_path']!r}, which is no part of data")
        for name, inner in value.items():
            _check_parts(inner, path, key if name in ("init_args", "dict_kwargs") else f"{key}.{name}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _check_parts(inner, path, f"{key}[{i}]")


def _made(value: Any) -> Any:
    # Not the parser of the command line: it would import any module that a text seems to name.
    if isinstance(value, Mapping):
        if "class_path" not in value:
            return {name: _made(inner) for name, inner in value.items()}
        arguments = {**(value.get("init_args") or {}), **(value.get("dict_kwargs") or {})}
        made: Any = _imported(value["class_path"])  # looked at before
        return made(**{name: _made(inner) for name, inner in arguments.items()})
    return [_made(inner) for inner in value] if isinstance(value, list) else value


def _imported(class_path: Any) -> type | None:
    """The class of that name, if its module is already imported."""
    if not isinstance(class_path, str):
        return None
    module, _, name = class_path.rpartition(".")
    if module == "saesim_pl":
        # The parser of the command line shortens names to those of the package, which loads rooms lazily.
        module = saesim_pl.data.__name__
    # Not getattr: a module's own __getattr__ would run, and could import.
    found = getattr(sys.modules.get(module), "__dict__", {}).get(name)
    return found if isinstance(found, type) and not inspect.isabstract(found) else None
