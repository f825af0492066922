"""Whether two configurations train the same SAEs."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

TRAINER = (
    "accumulate_grad_batches",
    "gradient_clip_algorithm",
    "gradient_clip_val",
    "limit_train_batches",
    "overfit_batches",
    "precision",
)
"""Settings of the trainer that decide what is learnt; how long it lasts is not among them."""

FREE = ("model.init_args.compile", "data.init_args.num_workers")
"""Settings of model and data that only decide how fast it goes."""


def experiment_of(config: dict[str, Any]) -> dict[str, Any]:
    """The settings that decide what a run learns, by dotted name.

    Two runs are the same experiment where these are equal: the seed, the model, the data, the trainer's
    ``TRAINER`` settings and the callbacks that act on training (their class says ``acts_on_training``). A
    longer run is the same experiment.

    Args:
        config: Configuration of ``saesim fit``, as plain data.
    """
    trainer = config.get("trainer") or {}
    acting = [callback for callback in trainer.get("callbacks") or [] if _acts_on_training(callback)]
    parts = {
        "seed_everything": config.get("seed_everything"),
        "model": config.get("model"),
        "data": config.get("data"),
        "trainer": {name: trainer.get(name) for name in TRAINER},
        "trainer.callbacks": {str(i): callback for i, callback in enumerate(acting)},
    }
    settings = {name: value for part, of in parts.items() for name, value in _flat(part, of)}
    return {name: value for name, value in settings.items() if name not in FREE}


def differences(here: dict[str, Any], there: dict[str, Any]) -> str:
    """The settings in which ``here`` and ``there`` differ, in one line; empty for the same settings."""
    names = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    said = [f"{name} {there.get(name)} there, {here.get(name)} here" for name in names[:3]]
    return "; ".join(said + ([f"and {len(names) - 3} more"] if len(names) > 3 else []))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, value


def _acts_on_training(callback: dict[str, Any]) -> bool:
    module, _, name = callback["class_path"].rpartition(".")
    return getattr(getattr(import_module(module), name), "acts_on_training", False)
