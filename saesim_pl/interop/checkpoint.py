"""Reading of checkpoints as data, and the classes that a checkpoint may name."""

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import torch

from saesim_pl import saes as shipped
from saesim_pl.saes import SparseAutoencoder

Recipe = dict[str, Any]
"""``{"class_path": ..., "init_args": {...}}`` of an SAE, as a configuration writes it."""


def read_checkpoint(path: str | Path | IO[bytes], map_location: Any = "cpu") -> dict[str, Any]:
    """The content of a checkpoint; no code in it runs.

    Args:
        path: File that a trainer saved.
        map_location: Device of its tensors, as in ``torch.load``.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is damaged, is no checkpoint of Lightning, or holds more than weights and plain
            data.
    """
    if isinstance(path, str | Path) and not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such checkpoint")
    try:
        content = torch.load(path, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        # The same error is raised in two cases: a file that is no pickle, and a pickle that names functions.
        foreign = "Unsupported global" in str(error) or "GLOBAL" in str(error) or "class" in str(error)
        reason = "holds more than weights and plain data" if foreign else "is no checkpoint, or damaged"
        raise ValueError(f"{path} {reason}") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is no checkpoint, or damaged") from error
    for part, kind in {"state_dict": dict, "pytorch-lightning_version": str}.items():
        if not isinstance(content, dict) or not isinstance(content.get(part), kind):
            raise ValueError(f"{path} is no checkpoint: it has no {part}")
    return content


def recipes_of(saes: Mapping[str, Any]) -> dict[str, Recipe] | None:
    """Recipes of a cohort's factories, stored in its checkpoint, which can then be loaded without them.

    Args:
        saes: By name: recipes, SAE classes that need no argument but ``d_in``, or ``functools.partial``
            of one with plain keyword arguments.

    Returns:
        Recipe by name; None if a factory is something else, such as a lambda, because code is not stored.
    """
    recipes: dict[str, Recipe] = {}
    for name, make in saes.items():
        recipe = _recipe_of(make)
        if recipe is None:
            return None
        recipes[name] = recipe
    return recipes


def factories_of(recipes: Any) -> dict[str, Callable[[int], SparseAutoencoder]]:
    """Factories for the SAEs that a checkpoint names.

    A checkpoint may come from an untrusted source. So it may only name subclasses of ``SparseAutoencoder``
    that this process has already imported: no module is imported for it, no other name is looked up, and all
    names are checked before the first SAE is made. Arguments must be plain data; an argument that names a
    class is refused. For an SAE class of your own, import its module first, or pass ``saes=`` when loading.

    Args:
        recipes: Recipe by name of SAE.

    Raises:
        ValueError: A recipe names another class, or has arguments that are not plain data.
    """
    if not isinstance(recipes, Mapping):
        raise ValueError(f"the checkpoint's saes are {type(recipes).__name__}, not recipes by name")
    return {name: _factory_of(name, recipe) for name, recipe in recipes.items()}


def _factory_of(name: str, recipe: Any) -> Callable[[int], SparseAutoencoder]:
    recipe = {"class_path": recipe} if isinstance(recipe, str) else recipe
    if not isinstance(recipe, Mapping) or recipe.keys() - {"class_path", "init_args", "dict_kwargs"}:
        raise ValueError(f"SAE {name!r} of the checkpoint is no class_path with init_args")
    parts = [recipe.get(part) or {} for part in ("init_args", "dict_kwargs")]
    if not all(isinstance(part, Mapping) and _is_plain(part) for part in parts):
        raise ValueError(f"SAE {name!r} of the checkpoint has init_args that are not plain data")
    sae_class = _imported_sae(recipe.get("class_path"))
    if sae_class is None:
        raise ValueError(
            f"SAE {name!r} of the checkpoint is {recipe.get('class_path')!r}, which is no SparseAutoencoder "
            "known here; import a class of your own first, or pass saes="
        )
    return partial(sae_class, **{str(key): value for part in parts for key, value in part.items()})


def _imported_sae(class_path: Any) -> type[SparseAutoencoder] | None:
    """The SAE class of that name, if its module is already imported."""
    if not isinstance(class_path, str):
        return None
    module, _, name = class_path.rpartition(".")
    if not module or module == "saesim_pl":
        # The parser of the command line shortens names to those of the package, which loads rooms lazily.
        module = shipped.__name__
    # Not getattr: a module's own __getattr__ would run, and could import.
    found = getattr(sys.modules.get(module), "__dict__", {}).get(name)
    is_sae = (
        isinstance(found, type) and issubclass(found, SparseAutoencoder) and not inspect.isabstract(found)
    )
    return found if is_sae else None


def _recipe_of(make: Any) -> Recipe | None:
    if isinstance(make, Mapping):
        return dict(make)
    arguments: dict[str, Any] = {}
    if isinstance(make, partial) and not make.args:
        make, arguments = make.func, make.keywords
    if not (isinstance(make, type) and issubclass(make, SparseAutoencoder)):
        return None
    class_path = f"{make.__module__}.{make.__qualname__}"
    plain = _imported_sae(class_path) is make and all(map(_is_plain, arguments.values()))
    return {"class_path": class_path, "init_args": arguments} if plain else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "class_path" not in value and all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
