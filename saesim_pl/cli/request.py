"""What a run is asked for: its settings, of which all are looked at before anything is made."""

import math
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from saesim_pl.cli.compose import compose
from saesim_pl.cli.messages import UsageError, meant
from saesim_pl.cli.options import Options
from saesim_pl.cli.settings import Settings
from saesim_pl.cli.signatures import parameters
from saesim_pl.cli.typed import read, read_arguments, read_class

SKIPPED = {"self", "model", "train_dataloaders", "val_dataloaders", "dataloaders", "datamodule"}
"""Arguments of the trainer's methods that come from ``model`` and ``data``."""

_LEAST = {
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "num_nodes": 1,
    "max_epochs": -1,
    "min_epochs": 0,
    "max_steps": -1,
    "min_steps": 0,
    "num_sanity_val_steps": -1,
    "log_every_n_steps": 0,
    "gradient_clip_val": 0,
    "reload_dataloaders_every_n_epochs": 0,
    "limit_train_batches": 0,
    "limit_val_batches": 0,
    "limit_test_batches": 0,
    "limit_predict_batches": 0,
}


@dataclass(frozen=True)
class Request:
    """Settings of one run.

    Attributes:
        values: Plain data for the parser.
        origins: By key, with its value, the place it was written at.
        typed: Options that are settings, as they were typed.
    """

    values: dict[str, Any]
    origins: dict[str, tuple[Any, str]]
    typed: list[str]

    def at(self, key: str) -> str:
        """``file:line: key``, or the option, for a message about ``key``."""
        origin = self.origins.get(key, (None, ""))[1]
        return origin if origin.startswith("--") else f"{origin}: {key}" if origin else key


def read_request(command: str, options: Options, partly: bool = False) -> Request:
    """The request that the options of ``saesim COMMAND`` make.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        options: What was typed.
        partly: Whether model and data may be missing.

    Raises:
        UsageError: Something is unknown, missing, of another type or out of range.
    """
    config = compose(options.layers)
    defaults = config.pop("defaults", None)
    places = _places(config)
    method = {n: p for n, p in parameters(getattr(Trainer, command))[0].items() if n not in SKIPPED}
    # The comparison's table says it; Lightning's list has hundreds of lines with names cut off.
    values: dict[str, Any] = {"verbose": False} if "verbose" in method and command != "fit" else {}
    for key, value in config.items():
        at = config.origins[key]
        if key == "trainer":
            values[key] = _read_trainer(value, at)
        elif key == "model":
            values[key] = _read_model(value, at)
        elif key == "data":
            values[key] = read_class(value, (LightningDataModule,), key, at, linked=frozenset({"model"}))
        elif key == "seed_everything":
            values[key] = read(value, bool | int, key, at)
            if not 0 <= values[key] < 2**32:
                raise UsageError(f"{at}: {key} must lie in [0, 2**32), got {values[key]}")
        elif key in method:
            values[key] = read(value, method[key].hint, key, at)
        else:
            known = {"trainer", "model", "data", "seed_everything", "config", *method}
            said = f"there is no option {key!r}{meant(key, known)}"
            raise UsageError(said if at.startswith("--") else f"{at}: {said}")
    for key in () if partly else ("model", "data"):
        if values.get(key) is None:
            raise UsageError(
                f"no {key} is given: add --config FILE of one that says {key}:, or --{key} CLASS"
            )
    if defaults:
        _check_defaults(defaults, config)
    return Request(values, places, options.typed)


def _read_trainer(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, Settings):
        raise UsageError(f"{at}: trainer must be names and values, got {value!r:.60}")
    arguments = read_arguments(Trainer, value, "trainer", at)["init_args"]
    for name, number in arguments.items():
        least = _LEAST.get(name)
        if least is None or isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if number < least or math.isinf(number):
            origin = value.origins[name]
            where = origin if origin.startswith("--") else f"{origin}: trainer.{name}"
            raise UsageError(f"{where} must be at least {least} and finite, got {number}")
    return arguments


def _read_model(value: Any, at: str) -> dict[str, Any]:
    for part in (value, value.get("init_args") if isinstance(value, Settings) else None):
        if isinstance(part, Settings) and "streams" in part:
            raise UsageError(
                f"{part.origins['streams']}: streams come from the data; do not give them to the model"
            )
    return read_class(value, (LightningModule,), "model", at, linked=frozenset({"streams"}))


def _check_defaults(defaults: Settings, config: Settings) -> None:
    """Refuse a default that no SAE took: it would be dropped without a word."""
    wanted = defaults.get("init_args")
    model = config.get("model")
    saes = model.get("init_args", model).get("saes") if isinstance(model, Settings) else None
    if not isinstance(saes, Settings) or not saes:
        raise UsageError(
            f"{next(iter(defaults.origins.values()))}: defaults are for the saes of a model; it has none"
        )
    from saesim_pl.cli.class_look import find_class
    from saesim_pl.saes import SparseAutoencoder

    classes = [
        find_class(str(sae["class_path"]), (SparseAutoencoder,))
        for sae in saes.values()
        if isinstance(sae, Settings)
    ]
    known = {name for sae in classes for name in parameters(sae, 1)[0]}
    if not isinstance(wanted, Settings):
        return
    for name in wanted:
        if name not in known:
            origin = wanted.origins[name]
            raise UsageError(f"{origin}: defaults: no SAE of the cohort takes {name!r}{meant(name, known)}")


def _places(config: Settings, key: str = "") -> dict[str, tuple[Any, str]]:
    """Of every key at every depth its value and origin; without ``init_args`` in its name."""
    found: dict[str, tuple[Any, str]] = {}
    for name, value in config.items():
        place = key if name in ("init_args", "dict_kwargs") and key else f"{key}.{name}".lstrip(".")
        if isinstance(value, Settings):
            found.setdefault(place, (None, config.origins[name]))
            found |= _places(value, place)
        else:
            found[place] = (value, config.origins[name])
            for i, item in enumerate(value) if isinstance(value, list) else ():
                found |= _places(item, f"{place}[{i}]") if isinstance(item, Settings) else {}
    return found
