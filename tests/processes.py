"""Runs ``saesim`` in processes of its own, forked from a server that has imported it once."""

import contextlib
import multiprocessing
import os
import signal
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

# Tiny runs: a second thread would only wait for the first.
os.environ["OMP_NUM_THREADS"] = "1"
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["saesim_pl.cli", "saesim_pl.callbacks", "saesim_pl.data", "saesim_pl.training.cohort"]
)


class KillAtStep(Callback):
    """Kills its process, as a cluster would, when a step is done.

    Args:
        step: Optimiser steps after which to kill.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class SameBuffers(Callback):
    """Fails where processes validate with buffers that differ, or with one that no training step has set."""

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        for name, buffer in pl_module.named_buffers():
            everywhere = pl_module.all_gather(buffer)
            if not (everywhere == everywhere[0]).all() or not buffer.all():
                raise AssertionError(f"{name} is {everywhere.tolist()}")


def run_saesim(log: Path, *args: str) -> int:
    """Exit status of ``saesim ARGS``, minus the signal if one ended it; what it prints goes to ``log``."""
    process = _context.Process(target=_main, args=(log, args))
    process.start()
    process.join()
    return process.exitcode


def _main(log: Path, args: tuple[str, ...]) -> None:
    from saesim_pl.cli import main

    with log.open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        main(list(args))
