"""Where a run of the command line writes, and from which checkpoint it goes on."""

import csv
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from saesim_pl.training.run_folder import LAST, UNNAMED, claim_version, give_run_folder, versions
from saesim_pl.training.same_experiment import differences, experiment_of

CONFIG = "config.yaml"


@dataclass(frozen=True)
class Place:
    """Where a run writes.

    Attributes:
        folder: The run's own; made already where it is new.
        note: What the user should know about it, in one line.
    """

    folder: Path
    note: str = ""

    def leave(self) -> None:
        """Remove the folder, and those that it lies in, as far as they are empty."""
        for folder in [self.folder, *self.folder.parents][:3]:
            try:
                folder.rmdir()
            except OSError:  # it holds something, or is gone
                return


def place_run(config: Namespace, subcommand: str, as_yaml: Callable[[], str]) -> Place | None:
    """Choose the folder of a run: set the loggers' versions, and ``ckpt_path`` where it is ``last``.

    ``last`` is the newest run of the same experiment (:func:`experiment_of`; for an evaluation, of the same
    model). ``fit`` goes on in that run's folder, and starts a new run where there is none; everything else
    gets a folder of its own.

    Args:
        config: Settings of the subcommand; changed in place.
        subcommand: ``fit``, ``validate``, ``test`` or ``predict``.
        as_yaml: Gives these settings as ``config.yaml`` holds them.

    Returns:
        The place; None for ``fast_dev_run``, which writes nothing.

    Raises:
        FileNotFoundError: An evaluation asks for ``last`` and no run has these settings.
        FileExistsError: The folder that the configuration names belongs to another run.
    """
    trainer, fits = config.trainer, subcommand == "fit"
    if trainer.get("enable_checkpointing") is False:
        _leave_out_last_checkpoint(trainer)
    loggers = _loggers(trainer)
    roots = [_root(logger, trainer) for logger in loggers] or [_root(None, trainer)]
    named = loggers[0].get("init_args.version") if loggers else None
    resumes, note = config.get("ckpt_path") == "last", ""
    if resumes:
        folders = [_named(roots[0], v) for v in (versions(roots[0]) if named is None else [named])]
        found, note = _same(folders, as_yaml(), fits)
        config["ckpt_path"] = str(found / LAST) if found else None
        if fits and found:
            _set_versions(loggers, named if named is not None else int(found.name.removeprefix("version_")))
            return None if trainer.get("fast_dev_run") else Place(found)
        if not fits and not found:
            raise FileNotFoundError(f"--ckpt_path last: no run in {roots[0]} has these settings ({note})")
    if trainer.get("fast_dev_run"):
        return None
    if named is not None:
        folder = _named(roots[0], named)
        _refuse_another_run(folder, config.get("ckpt_path") if fits else None, note)
        return Place(folder)
    if rank_zero_only.rank:  # type: ignore[attr-defined] # the first process claims for all
        return Place(roots[0])
    version = claim_version(roots)
    _set_versions(loggers, version)
    note = f"no run to go on with in {roots[0]} ({note}), starting anew" if resumes and fits else ""
    return Place(roots[0] / f"version_{version}", note)


def enter_place(trainer: Trainer, place: Place, checkpoint: str | None) -> None:
    """Let ``trainer`` write into ``place``, and its loggers go on where ``checkpoint`` is of this run."""
    give_run_folder(trainer, place.folder)
    last = place.folder / LAST
    resumes = checkpoint is not None and Path(checkpoint).resolve() == last.resolve()
    if trainer.is_global_zero:
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                open_csv(logger, last if resumes else None)


def open_csv(logger: CSVLogger, checkpoint: Path | None) -> None:
    """Open ``logger``'s file so that it keeps the rows before ``checkpoint``, which it would delete.

    Args:
        logger: Not yet used.
        checkpoint: From which the run goes on; later rows are made again. None for a new run.
    """
    path = Path(logger.log_dir, "metrics.csv")
    kept = path.with_name(path.name + ".part")
    if path.is_file() and checkpoint:
        _write_rows_before(path, kept, _step_of(checkpoint))
    with warnings.catch_warnings():
        # It warns that it deletes the files of other runs; this folder is of this run alone.
        warnings.filterwarnings("ignore", "Experiment logs directory")
        writer = logger.experiment
    if kept.is_file():
        with kept.open(newline="") as file:
            writer.metrics_keys = list(csv.DictReader(file).fieldnames or [])
        kept.replace(path)


def _write_rows_before(path: Path, kept: Path, step: int) -> None:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        names, rows = reader.fieldnames or [], [row for row in reader if int(row["step"]) < step]
    beside = kept.with_name(kept.name + ".part")
    with beside.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    beside.replace(kept)


def _step_of(checkpoint: Path) -> int:
    return torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)["global_step"]


def _leave_out_last_checkpoint(trainer: Namespace) -> None:
    """``base.yaml`` adds it to every run; whoever asks for no checkpoints does not mean it."""
    kept = [c for c in trainer.get("callbacks") or [] if not c.class_path.endswith(".LastCheckpoint")]
    trainer["callbacks"] = kept


def _loggers(trainer: Namespace) -> list[Namespace]:
    """The loggers with a class; Lightning's own choice for ``logger: true`` is written out."""
    given = trainer.get("logger")
    if given is True or given is None:
        where = Namespace(save_dir=trainer.get("default_root_dir") or ".", name=UNNAMED, version=None)
        given = Namespace(class_path="lightning.pytorch.loggers.TensorBoardLogger", init_args=where)
        trainer["logger"] = given
    listed = given if isinstance(given, list) else [given]
    return [logger for logger in listed if isinstance(logger, Namespace)]


def _root(logger: Namespace | None, trainer: Namespace) -> Path:
    where = (logger and logger.get("init_args")) or {}
    folder = where.get("save_dir") or trainer.get("default_root_dir") or "."
    return Path(folder, where.get("name") or where.get("project") or UNNAMED)


def _named(root: Path, version: Any) -> Path:
    return root / (version if isinstance(version, str) else f"version_{version}")


def _set_versions(loggers: list[Namespace], version: int | str) -> None:
    for logger in loggers:
        module, _, name = logger.class_path.rpartition(".")
        if issubclass(getattr(import_module(module), name), TensorBoardLogger | CSVLogger):
            logger.init_args["version"] = version


def _same(folders: list[Path], as_yaml: str, fits: bool) -> tuple[Path | None, str]:
    """The first of ``folders`` with a checkpoint of this experiment, or what sets the first one apart."""
    here, first = _compared(as_yaml, fits), ""
    for folder in folders:
        if not (folder / LAST).is_file() or not (folder / CONFIG).is_file():
            continue
        told = differences(here, _compared((folder / CONFIG).read_text(encoding="utf-8"), fits))
        if not told:
            return folder, ""
        first = first or f"{folder.name}: {told}"
    return None, first or "none has a checkpoint"


def _compared(as_yaml: str, fits: bool) -> dict[str, Any]:
    settings = experiment_of(yaml.safe_load(as_yaml))
    return settings if fits else {name: value for name, value in settings.items() if name.startswith("model")}


def _refuse_another_run(folder: Path, checkpoint: str | None, note: str) -> None:
    last = folder / LAST
    if last.exists() and (not checkpoint or Path(checkpoint).resolve() != last.resolve()):
        told = f" of another experiment ({note})" if note else ""
        raise FileExistsError(f"{folder} holds a run{told}: take another version, or --ckpt_path last")
