"""Runs ``saesim`` in processes of its own, forked from a server that has imported it once."""

import contextlib
import multiprocessing
import os
import resource
import signal
from pathlib import Path
from typing import IO

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

# Tiny runs: a second thread would only wait for the first.
os.environ["OMP_NUM_THREADS"] = "1"
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["saesim_pl.cli", "saesim_pl.callbacks", "saesim_pl.data", "saesim_pl.training.cohort"]
)


class SignalAt(Callback):
    """Sends its process a signal, as a cluster or a user would; by default one that kills it.

    Args:
        step: Optimiser steps after which to send it.
        during: Where: in the ``batch``, in the ``validation`` after it, at that one's ``end``,
            at the next ``epoch_start``, at the ``train_end``, in the midst of ``saving`` a checkpoint, or as
            it would ``predict``.
        signum: The signal.
    """

    def __init__(self, step: int, during: str = "batch", signum: int = 9) -> None:
        self.step, self.during, self.signum = step, during, signum

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.during == "saving":
            save = torch.save

            def half(checkpoint: dict, file: IO[bytes]) -> None:
                if checkpoint["global_step"] == self.step:
                    file.write(b"half a checkpoint")
                    file.flush()
                    self._send(trainer, "saving")
                    file.seek(0)
                    file.truncate()
                save(checkpoint, file)

            torch.save = half  # type: ignore[assignment] # the process ends with the test

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        self._send(trainer, "batch")

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        self._send(trainer, "validation")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        self._send(trainer, "end")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._send(trainer, "epoch_start")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._send(trainer, "train_end")

    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        self._send(trainer, "predict")

    def _send(self, trainer: Trainer, during: str) -> None:
        if (trainer.global_step, during) == (self.step, self.during):
            self.step = -1
            os.kill(os.getpid(), self.signum)


class FullDisk(Callback):
    """Leaves no room on the disk: no file may become longer than a page.

    Args:
        step: Optimiser steps after which the disk is full.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        if trainer.global_step == self.step:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


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
