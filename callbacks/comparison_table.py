"""The table at the end of a run, the same rows in files, and scores beside chance in TensorBoard."""

import os
import sys
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from saesim_pl.comparison import ComparisonRow
from saesim_pl.comparison.files import read_rows, write_rows
from saesim_pl.comparison.table import print_rows
from saesim_pl.training.run_folder import run_folder
from saesim_pl.training.trainer_settings import settings_of

from .comparer import Comparer
from .tensorboard import lay_out_charts, log_hyperparameters

HISTORY = "comparison_history"
"""Stem of the file with the rows of every validation."""


class ComparisonTable(Callback):
    """Prints the last comparison, each score beside chance, when a run ends, and writes it down.

    The run's folder gets ``comparison.csv`` and ``comparison.json`` with the last comparison, and
    ``comparison_history.csv`` and ``.json`` with all of them; each file is whole at any moment. TensorBoard
    gets a layout in which a score and its chance share a chart (tab Custom Scalars), and the settings of the
    run beside its final scores (tab HPARAMS).
    """

    def __init__(self) -> None:
        self._history: list[ComparisonRow] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the rows of this validation."""
        if trainer.sanity_checking:
            return
        self._write(trainer)
        if trainer.state.fn == "validate":
            _print(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and print the rows of the test."""
        self._write(trainer)
        _print(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and print the rows of the final weights."""
        folder = self._write(trainer)
        _print(trainer)
        loggers = _tensorboards(trainer)
        if not (loggers and folder and trainer.is_global_zero):
            return
        rows = _rows(trainer)
        for logger in loggers:
            log_hyperparameters(logger, trainer, rows, _have_pairing(trainer))
        tensorboard = os.path.relpath(Path(sys.executable).with_name("tensorboard"))
        print(f"Open TensorBoard on it: {tensorboard} --logdir {os.path.relpath(folder)}")

    def _write(self, trainer: Trainer) -> Path | None:
        folder = run_folder(trainer)  # asked on every rank: it is a broadcast
        rows = _rows(trainer)
        if folder is None or not trainer.loggers or not rows or not trainer.is_global_zero:
            return folder
        for logger in _tensorboards(trainer):
            lay_out_charts(logger, rows, _have_pairing(trainer))
        write_rows(rows, folder / "comparison")
        if trainer.state.fn == "fit":
            self._history = [*_before(folder, self._history, rows), *rows]
            write_rows(self._history, folder / HISTORY)
        return folder


def _before(folder: Path, known: list[ComparisonRow], rows: list[ComparisonRow]) -> list[ComparisonRow]:
    """Rows of earlier epochs: of this process, or of the run that it goes on with."""
    written = folder / f"{HISTORY}.json"
    earlier = known or (read_rows(written) if written.exists() else [])
    return [row for row in earlier if row.epoch is not None and row.epoch < (rows[0].epoch or 0)]


def _rows(trainer: Trainer) -> list[ComparisonRow]:
    return [row for comparer in _comparers(trainer) for row in comparer.rows]


def _have_pairing(trainer: Trainer) -> bool:
    return any(comparer.keys_have_pairing for comparer in _comparers(trainer))


def _comparers(trainer: Trainer) -> list[Comparer]:
    return [callback for callback in settings_of(trainer).callbacks if isinstance(callback, Comparer)]


def _tensorboards(trainer: Trainer) -> list[TensorBoardLogger]:
    return [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


def _print(trainer: Trainer) -> None:
    rows = _rows(trainer)
    if rows and trainer.is_global_zero:
        print_rows(rows, f"Comparison after epoch {rows[0].epoch}")
