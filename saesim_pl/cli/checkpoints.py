"""The checkpoint that a run begins with."""

from typing import Any

from jsonargparse import Namespace

from saesim_pl.cli.messages import UsageError
from saesim_pl.interop.checkpoint import read_checkpoint


def check_checkpoint(command: str, config: Namespace) -> None:
    """Refuse an evaluation without a checkpoint, and one that cannot be read, before anything is made.

    Args:
        command: The subcommand.
        config: Its settings; a ``ckpt_path`` of ``last`` is another's to find.

    Raises:
        UsageError: Naming the checkpoint.
    """
    given: Any = config.get("ckpt_path")
    if given is None:
        if command in ("validate", "test"):
            raise UsageError(
                f"{command} needs trained SAEs: give --ckpt_path FILE, or last for the newest run"
            )
        return
    if not str(given):
        raise UsageError("--ckpt_path is empty: give a file, or last")
    if str(given) in ("best", "hpc", "registry") or str(given).startswith("registry:"):
        raise UsageError(f"--ckpt_path {given}: there is no such checkpoint; give a file, or last")
    if given == "last" or "://" in str(given):
        return
    try:
        read_checkpoint(str(given))
    except (OSError, ValueError) as error:
        raise UsageError(f"--ckpt_path {error}") from error
