"""The settings of a run, as TensorBoard lists runs side by side under HPARAMS."""

from collections.abc import Iterator
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from saesim_pl.training import SAECohort

SCORES = ("loss", "fvu", "l0")
"""Of each SAE, what stands beside the settings: its last value of the run."""


class Hyperparameters(Callback):
    """Writes the settings when training starts.

    Args:
        values: Settings of the run, nested as in a configuration.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        parts = {key: values.get(key) for key in ("seed_everything", "model", "data")}
        self.settings = dict(flat_settings(parts))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write them to every TensorBoard logger."""
        if not isinstance(pl_module, SAECohort) or not trainer.is_global_zero:
            return
        from torch.utils.tensorboard.summary import hparams

        # The values given here are not shown: HPARAMS takes the last of the scalars of that name.
        scores = {f"{name}/{score}": 0.0 for name in pl_module.saes for score in SCORES}
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                for summary in hparams(self.settings, scores):
                    logger.experiment.file_writer.add_summary(summary)


def flat_settings(values: Any, key: str = "") -> Iterator[tuple[str, bool | int | float | str]]:
    """Numbers and texts at any depth, by dotted key without ``init_args``; a list is a text."""
    if isinstance(values, dict):
        for name, value in values.items():
            place = key if name in ("init_args", "dict_kwargs", "class_path") else f"{key}.{name}".lstrip(".")
            short = value.rpartition(".")[2] if name == "class_path" else value
            yield from flat_settings(short, place)
    elif isinstance(values, bool | int | float | str):
        yield key, values
    elif values is not None:
        yield key, str(values)
