"""Trained SAEs from files; neither their data nor Lightning is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from saesim_pl.interop.checkpoint import factories_of, read_checkpoint
from saesim_pl.saes import SparseAutoencoder
from saesim_pl.saes.members import made, stream_of

LAST = Path("checkpoints", "last.ckpt")
"""Path of a run's newest checkpoint in its folder."""


@dataclass(frozen=True)
class SavedSAEs:
    """The SAEs of a checkpoint, with their streams and normalizations.

    Attributes:
        saes: SAE by name.
        reads: Name of the stream that each SAE reads.
        streams: Width of each stream of the data.
        normalizations: By stream, the fields of :class:`~saesim_pl.data.normalization.Normalization`.
        path: Path of the checkpoint.
    """

    saes: dict[str, SparseAutoencoder]
    reads: dict[str, str]
    streams: dict[str, int]
    normalizations: dict[str, dict[str, Any]]
    path: Path


def load_sae(path: str | Path, name: str | None = None) -> SparseAutoencoder:
    """One trained SAE; it reads activations in the normalized space of its training data.

    Args:
        path: A run's folder, or a checkpoint.
        name: Name of the SAE in its run; not needed if the run has only one SAE.

    Raises:
        FileNotFoundError: The run or checkpoint does not exist.
        ValueError: No SAE has this name, or the file is damaged or names other code.
    """
    saved = load_saes(path)
    if name is None and len(saved.saes) == 1:
        return next(iter(saved.saes.values()))
    if name not in saved.saes:
        said = "several SAEs" if name is None else f"no SAE {name!r}"
        raise ValueError(f"{path} has {said}: name one of {', '.join(saved.saes)}")
    return saved.saes[name]


def load_saes(path: str | Path) -> SavedSAEs:
    """All SAEs of a run's folder or a checkpoint, on the CPU.

    Only subclasses of ``SparseAutoencoder`` that are already imported are constructed.

    Raises:
        FileNotFoundError: The run or checkpoint does not exist.
        ValueError: The file is damaged, does not describe its SAEs, or names other code.
    """
    path = checkpoint_of(path)
    checkpoint = read_checkpoint(path)
    kept = checkpoint.get("hyper_parameters") or {}
    if not isinstance(kept, Mapping) or not isinstance(kept.get("saes"), Mapping):
        raise ValueError(
            f"{path} does not say what its SAEs are: it is no SAECohort, or built from functions"
        )
    streams = {str(name): int(width) for name, width in (kept.get("streams") or {}).items()}
    reads = {name: stream_of(name, kept.get("reads") or {}, streams) for name in kept["saes"]}
    saes = {
        name: _filled(made(name, make, streams[reads[name]]), name, checkpoint["state_dict"], path)
        for name, make in factories_of(kept["saes"]).items()
    }
    return SavedSAEs(saes, reads, streams, dict(checkpoint.get("normalizations") or {}), path)


def checkpoint_of(path: str | Path) -> Path:
    """``path`` if it is a file; if it is a run's folder, the run's last checkpoint.

    Raises:
        FileNotFoundError: ``path`` does not exist, or is no run's folder; the message names runs in it.
    """
    path = Path(path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: there is no such run or checkpoint")
    if (path / LAST).is_file():
        return path / LAST
    runs = sorted(str(found.parents[1]) for found in path.glob(f"*/{LAST}"))
    within = f"; it holds the runs {', '.join(runs)}" if runs else ""
    raise FileNotFoundError(f"{path} is no run's folder: it has no {LAST}{within}")


def _filled(sae: SparseAutoencoder, name: str, state: Mapping[str, Tensor], path: Path) -> SparseAutoencoder:
    prefix = f"saes.{name}."
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    try:
        sae.load_state_dict(own)
    except RuntimeError as error:
        said = " ".join(str(error).split()[:40])
        raise ValueError(f"{path}: the weights of SAE {name!r} are of another kind: {said}") from None
    return sae.eval().requires_grad_(False)
