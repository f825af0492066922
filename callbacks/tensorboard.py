"""Extras for TensorBoard: charts of scores with their chance level, and the settings of a run."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from saesim_pl.comparison import ComparisonRow


def lay_out_charts(logger: TensorBoardLogger, rows: Sequence[ComparisonRow], with_pairing: bool) -> None:
    """Put each score and its chance into one chart, one category a pair; for the tab Custom Scalars."""
    layout: dict[str, dict[str, list]] = {}
    for row in rows:
        if row.value is None:
            continue
        key = row.key(with_pairing)
        tags = [re.escape(tag) for tag in ([key] if row.null_mean is None else [key, f"{key}_chance"])]
        layout.setdefault(row.pair, {})[key.removeprefix(f"{row.pair}/")] = ["Multiline", tags]
    if layout != getattr(logger, "_saesim_layout", None):
        logger.experiment.add_custom_scalars(layout)
        logger._saesim_layout = layout  # type: ignore[attr-defined] # one layout an event file is enough


def log_hyperparameters(
    logger: TensorBoardLogger, trainer: Trainer, rows: Sequence[ComparisonRow], with_pairing: bool
) -> None:
    """Log the settings of model and data beside the final scores; for the tab HPARAMS."""
    settings: dict[str, Any] = {}
    for owner in (trainer.lightning_module, getattr(trainer, "datamodule", None)):
        settings |= _flat(getattr(owner, "hparams", {}))
    scores = {f"final/{row.key(with_pairing)}": row.value for row in rows if row.value is not None}
    writer = logger.experiment._get_file_writer()
    for summary in hparams(settings, scores):
        writer.add_summary(summary)
    for key, value in scores.items():
        logger.experiment.add_scalar(key, value, trainer.global_step)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under keys with dots; values that TensorBoard cannot show become text."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = value if isinstance(value, bool | int | float | str) else str(value)
    return flat
