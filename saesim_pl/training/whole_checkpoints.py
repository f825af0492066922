"""Checkpoints that are whole at every moment."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place, then renames it.

    Lightning's own writer holds a copy in memory and then in the system's temporary folder, which may be
    small, is another disk, and keeps the copy where the process is killed.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            OSError: There is no room; what was at ``path`` is as it was.
        """
        if "://" in str(path):  # remote: a file appears there only when it is whole
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        whole = Path(path)
        whole.parent.mkdir(parents=True, exist_ok=True)
        part = whole.with_name(whole.name + ".part")
        try:
            # Given a path, torch would write itself and name no cause where the disk is full.
            with part.open("wb") as file:
                torch.save(checkpoint, file)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OSError(error.errno, f"{error.strerror} while writing a checkpoint", str(whole)) from error
        part.replace(whole)
