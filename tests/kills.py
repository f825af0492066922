"""Runs of all architectures and training callbacks that are killed at random moments and go on.

python -m tests.kills [--moments 40] [--seed 0]

Each moment kills a run of ``saesim fit`` and resumes it with ``--ckpt_path last``, some twice; its weights
and its logged rows must be those of the run that nobody killed, bit for bit. Prints where each kill fell.
"""

import argparse
import collections
import csv
import json
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from saesim_pl.training.whole_checkpoints import WholeCheckpoints
from tests.processes import run_saesim

WIDTH = 24
SAES: dict[str, dict[str, Any]] = {
    "standard": {"class_path": "saesim_pl.saes.StandardSAE"},
    "top_k": {"class_path": "saesim_pl.saes.TopKSAE", "k": 3},
    "batch_top_k": {"class_path": "saesim_pl.saes.BatchTopKSAE", "k": 3},
    "matryoshka": {"class_path": "saesim_pl.saes.MatryoshkaSAE", "k": 3, "group_sizes": [8, 16]},
    "jump_relu": {"class_path": "saesim_pl.saes.JumpReLUSAE"},
    "gated": {"class_path": "saesim_pl.saes.GatedSAE"},
    "p_anneal": {"class_path": "saesim_pl.saes.PAnnealSAE"},
    "matching_pursuit": {"class_path": "saesim_pl.saes.MatchingPursuitSAE", "k": 3},
}
CALLBACKS: list[tuple[str, dict[str, Any]]] = [
    ("LastCheckpoint", {"every_n_train_steps": 3}),
    ("Initialise", {"n_samples": 500}),
    ("UnitNormDecoder", {"saes": ["standard", "gated", "top_k"]}),
    ("AuxK", {"k_aux": 8, "dead_after_samples": 300, "refresh_every_n_steps": 2, "saes": ["top_k"]}),
    (
        "ResampleDeadLatents",
        {"every_n_steps": 4, "dead_after_samples": 300, "saes": ["standard", "batch_top_k", "gated"]},
    ),
    ("Anneal", {"setting": "k", "start": 8, "saes": ["top_k", "batch_top_k", "matryoshka"]}),
    ("SamplePrefixes", {"n_prefixes": 2}),
]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulation": {"accumulate_grad_batches": 3},
    "validation within epochs": {"val_check_interval": 4},
    "both": {"accumulate_grad_batches": 2, "val_check_interval": 3},
}


class KillAfter(Callback):
    """Kills its process some time after training has begun, wherever it is then.

    Args:
        seconds: That time; 0 kills at no time.
        told: File that is told where it was, and how long the training took if it was not killed.
    """

    def __init__(self, seconds: float, told: str) -> None:
        self.seconds, self.told = seconds, Path(told)
        self.where, self.began = "training", 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = time.perf_counter()
        save = WholeCheckpoints.save_checkpoint

        def watched(*args: Any, **kwargs: Any) -> None:
            before, self.where = self.where, "saving"
            save(*args, **kwargs)
            self.where = before

        WholeCheckpoints.save_checkpoint = watched  # type: ignore[method-assign] # the process ends with the run
        if self.seconds:
            threading.Thread(target=self._kill, daemon=True).start()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.where = "validation"

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.where = "between"

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self.where = "training"

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.seconds:
            self.told.write_text(str(time.perf_counter() - self.began))

    def _kill(self) -> None:
        time.sleep(self.seconds)
        self.told.write_text(self.where)
        os.kill(os.getpid(), signal.SIGKILL)


def run(folder: Path, variant: str, seconds: float, *args: str) -> int:
    """Exit status of one run of ``variant`` in ``folder``."""
    folder.mkdir(exist_ok=True)
    callbacks = [
        {"class_path": f"saesim_pl.callbacks.{name}", "init_args": given} for name, given in CALLBACKS
    ]
    kill = {"seconds": seconds, "told": str(folder / "told")}
    callbacks.append({"class_path": "tests.kills.KillAfter", "init_args": kill})
    saes = {name: _sae(**given) for name, given in SAES.items()}
    data = {"d_in": 16, "n_features": 20, "mean_active": 2.0, "batch_size": 64, "normalize": "mean_norm"}
    sizes = {"samples_per_epoch": 640, "validation_samples": 300}
    trainer: dict[str, Any] = {"accelerator": "cpu", "devices": 1, "max_epochs": 2, "log_every_n_steps": 5}
    trainer |= {
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "gradient_clip_val": 1.0,
    }
    rows = {"save_dir": str(folder), "name": "runs"}
    logger = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": rows}
    trainer |= {"logger": logger, "callbacks": callbacks, **VARIANTS[variant]}
    config = {
        "seed_everything": 0,
        "trainer": trainer,
        "data": {"class_path": "saesim_pl.data.SyntheticActivations", "init_args": data | sizes},
        "model": {"class_path": "saesim_pl.training.SAECohort", "init_args": {"saes": saes}},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return run_saesim(folder / "log.txt", "fit", f"--config={folder / 'config.json'}", *args)


def _sae(class_path: str, **init_args: Any) -> dict[str, Any]:
    return {"class_path": class_path, "init_args": {"d_sae": WIDTH} | init_args}


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """Weights of the last checkpoint of the only run in ``folder``."""
    [last] = folder.rglob("last.ckpt")
    return torch.load(last, weights_only=True)["state_dict"]


def rows_of(folder: Path) -> dict[tuple[str, ...], dict[str, str]]:
    """The last logged row of each step and kind."""
    [path] = folder.rglob("metrics.csv")
    with path.open(newline="") as file:
        rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
    return {(row["step"], *sorted(row)): row for row in rows}


def differing(one: Path, other: Path) -> list[str]:
    """What is not equal, bit for bit, at the end of two runs."""
    weights, others = weights_of(one), weights_of(other)
    names = [name for name, weight in weights.items() if not torch.equal(weight, others[name])]
    return names + ["rows"] * (rows_of(one) != rows_of(other))


def kill_and_compare(folder: Path, moments: int, seed: int) -> Iterator[tuple[str, list[str]]]:
    """Number, variant and place of each of ``moments`` kills, and what differs after it."""
    rng = random.Random(seed)
    wholes: dict[str, Path] = {}
    seconds: dict[str, float] = {}
    for number in range(moments):
        variant = list(VARIANTS)[number % len(VARIANTS)]
        if variant not in wholes:
            wholes[variant] = folder / f"whole {variant}"
            if status := run(wholes[variant], variant, 0):
                raise RuntimeError(f"{wholes[variant]} ended with status {status}; see its log.txt")
            seconds[variant] = float((wholes[variant] / "told").read_text())
        killed = folder / f"killed {number}"
        places: list[str] = []
        args: list[str] = []
        for _ in range(1 + number % 2):  # every other one is killed a second time
            status = run(killed, variant, rng.uniform(0, seconds[variant]), *args)
            args = ["--ckpt_path=last"]
            places.append((killed / "told").read_text() if status == -signal.SIGKILL else "after the end")
        status = run(killed, variant, 0, *args)
        told = [f"status {status}"] if status else differing(wholes[variant], killed)
        yield f"{number} {variant}: killed in {', '.join(places)}", told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    places: collections.Counter[str] = collections.Counter()
    equal = 0
    with tempfile.TemporaryDirectory() as folder:
        for moment, told in kill_and_compare(Path(folder), given.moments, given.seed):
            places.update(moment.partition("killed in ")[2].split(", "))
            equal += not told
            print(moment, "->", ", ".join(told) or "equal", flush=True)
    print(f"{equal} of {given.moments} equal; killed in {dict(places)}")


if __name__ == "__main__":
    main()
