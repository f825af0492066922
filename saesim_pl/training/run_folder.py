"""The folder that belongs to one run, whatever its loggers are."""

from pathlib import Path
from weakref import WeakKeyDictionary

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from saesim_pl.training.trainer_settings import settings_of

LAST = Path("checkpoints", "last.ckpt")
"""Where in its folder a run keeps the checkpoint from which it goes on."""

UNNAMED = "lightning_logs"
"""Folder of runs that no logger names."""

_folders: WeakKeyDictionary[Trainer, dict[bool, Path]] = WeakKeyDictionary()
_given: WeakKeyDictionary[Trainer, Path] = WeakKeyDictionary()


def run_folder(trainer: Trainer) -> Path | None:
    """Folder that only the present run of ``trainer`` writes.

    It holds the run's configuration, checkpoint, comparisons and true features. Where a ``TensorBoardLogger``
    or a ``CSVLogger`` has a folder for this run, it is the first such folder; otherwise, for example with
    ``logger: false``, it is a new ``version_<n>``. An evaluation never gets the folder of a run that trained.

    Call it on every process: the first process decides. Every call gives the same answer.

    Args:
        trainer: From the start of ``fit``, ``validate``, ``test`` or ``predict`` on.

    Returns:
        The folder, which may not exist yet; None for ``fast_dev_run``, which writes nothing.
    """
    if settings_of(trainer).fast_dev_run:
        return None
    known = _folders.setdefault(trainer, {})
    trains = trainer.state.fn == "fit"
    if trains not in known:
        found = _find(trainer, known.get(True)) if trainer.is_global_zero else Path()
        known[trains] = trainer.strategy.broadcast(found)
    return known[trains]


def give_run_folder(trainer: Trainer, folder: Path) -> None:
    """Make ``folder`` the answer of :func:`run_folder` for the one thing that ``trainer`` is going to run."""
    _given[trainer] = folder


def claim_version(roots: list[Path]) -> int:
    """Make and own the next ``version_<n>`` in the first of ``roots``: two runs never get the same.

    Args:
        roots: Folders of runs; the number is free in all of them.
    """
    while True:
        version = 1 + max((v for root in roots for v in versions(root)), default=-1)
        try:
            (roots[0] / f"version_{version}").mkdir(parents=True)
        except FileExistsError:  # another run was faster
            continue
        return version


def versions(root: Path) -> list[int]:
    """Numbers of the ``version_<n>`` in ``root``, the newest first."""
    names = (path.name.removeprefix("version_") for path in root.glob("version_*"))
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def _find(trainer: Trainer, trained: Path | None) -> Path:
    if trainer in _given:
        return _given[trainer]
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger | CSVLogger):
            folder = Path(logger.log_dir)
            if trainer.state.fn == "fit" or not (folder == trained or (folder / LAST).exists()):
                return folder
            return folder.parent / f"version_{claim_version([folder.parent])}"
    root = _root(trainer.loggers[0] if trainer.loggers else None, trainer.default_root_dir)
    return root / f"version_{claim_version([root])}"


def _root(logger: Logger | None, default: str) -> Path:
    return Path(getattr(logger, "save_dir", None) or default, getattr(logger, "name", None) or UNNAMED)
