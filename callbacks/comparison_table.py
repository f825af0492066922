"""The table at the end of a run, and the same rows in files."""

import csv
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TextIO

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from .comparer import Comparer, ComparisonRow

FIELDS = [field.name for field in fields(ComparisonRow)]


class ComparisonTable(Callback):
    """Prints the last comparison, each score beside what chance gives, when a run ends.

    Where there is a logger, the same rows go to ``comparison.csv`` and ``comparison.json`` in the run's
    folder after every validation, so that an interrupted run leaves its last ones.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the rows of this validation."""
        folder = trainer.log_dir  # asked on every rank: it is a broadcast
        rows = _rows(trainer)
        if trainer.loggers and folder and rows and trainer.is_global_zero and not trainer.fast_dev_run:
            _write(Path(folder), rows)
        if trainer.state.fn == "validate":
            _print(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write and print the rows of the test."""
        self.on_validation_end(trainer, pl_module)
        _print(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the rows of the last validation."""
        folder = trainer.log_dir
        _print(trainer)
        has_events = any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers)
        if has_events and folder and trainer.is_global_zero:
            tensorboard = os.path.relpath(Path(sys.executable).with_name("tensorboard"))
            print(f"Open TensorBoard on it: {tensorboard} --logdir {os.path.relpath(folder)}")


def _rows(trainer: Trainer) -> list[ComparisonRow]:
    return [row for callback in trainer.callbacks if isinstance(callback, Comparer) for row in callback.rows]


def _write(folder: Path, rows: list[ComparisonRow]) -> None:
    def as_csv(file: TextIO) -> None:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(map(asdict, rows))

    _replace(folder / "comparison.csv", as_csv)
    _replace(
        folder / "comparison.json", lambda file: json.dump([asdict(row) for row in rows], file, indent=1)
    )


def _replace(path: Path, write: Callable[[TextIO], None]) -> None:
    """Write beside ``path``, then rename: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with beside.open("w", newline="") as file:
        write(file)
    beside.replace(path)


def _print(trainer: Trainer) -> None:
    rows = _rows(trainer)
    if not rows or not trainer.is_global_zero:
        return
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(title=f"Comparison after epoch {rows[0].epoch}")
    for name in FIELDS[1:4]:
        table.add_column(name, no_wrap=True)
    for name in FIELDS[4:]:
        table.add_column(name, justify="right", no_wrap=True)
    for before, row in zip([None, *rows], rows, strict=False):
        if before and _section(before) != _section(row):
            table.add_section()
        scores = (f"{row.value:.4g}", f"{row.chance:.4g}", str(row.n_pairs), str(row.n_unique))
        table.add_row(row.pair, row.subset, row.measure, *scores)
    # A log file says it is 80 columns wide; cut-off names and numbers would help nobody.
    needed = Measurement.get(console := Console(), console.options.update(width=sys.maxsize), table).maximum
    Console(width=max(console.width, needed)).print(table)


def _section(row: ComparisonRow) -> tuple[set[str], str]:
    """Rows of both directions of a pair stand together, those of the initial weights with the trained."""
    return set(row.pair.split("~")), "all" if row.subset == "initial" else row.subset
