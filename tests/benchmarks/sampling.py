"""Samples a second of synthetic data, beside those of sae-lens, and sampling's share of a training step.

python -m tests.benchmarks.sampling [--peers PYTHON] [--threads 1]

PYTHON is one that has sae-lens 6.54. Whole batches are clocked, what fires and its sum; the median of several
runs is told, sae-lens's between ours. Trees are not exclusive, which is the cheaper case for sae-lens. The
share of a step is clocked within `saesim fit` on the shipped configs, in which nothing is sampled ahead.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from saesim_pl.cli import main as saesim
from saesim_pl.data import SyntheticActivations
from saesim_pl.truth import GaussianCopula, Independent, LinearRates, Trees, WishartCorrelation
from tests.benchmarks.sampling_peers import clock

RUNS, BATCHES = 3, (1024, 4096)
SMALL, LARGE = (512, 256, 5.0), (16_384, 768, 25.0)
# Roots, children of each feature, levels below the roots: 13,312 of the features have a place in a tree.
TREES = (1024, 3, 2)
CASES = [
    (SMALL, "none", None),
    (SMALL, "low rank", None),
    (SMALL, "given", None),
    (LARGE, "none", None),
    (LARGE, "low rank", None),
    (LARGE, "low rank", TREES),
]
DEPENDENCES = {
    "none": Independent(),
    "low rank": GaussianCopula(),
    "given": GaussianCopula(WishartCorrelation()),
}


class Peer:
    """The process that clocks sae-lens.

    Args:
        python: Python that has it.
        threads: How many it may use.
    """

    def __init__(self, python: str, threads: int) -> None:
        script = Path(__file__).with_name("sampling_peers.py")
        self.process = subprocess.Popen(
            [python, str(script), str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, request: dict[str, Any]) -> str:
        """The answer to one request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def prepare(self, size: tuple[int, int, float], correlation: str, trees: tuple | None) -> None:
        """Build the generator of a case."""
        n_features, d_in, mean_active = size
        case = {
            "n_features": n_features,
            "d_in": d_in,
            "rates": LinearRates().rates(n_features, mean_active).tolist(),
            "correlation": correlation,
            "trees": trees,
        }
        if (answer := self.ask({"case": case})) != "ready":
            raise RuntimeError(f"sae-lens could not be clocked: {answer}")


def case_speeds(
    peer: Peer | None, size: tuple[int, int, float], correlation: str, trees: tuple | None
) -> list[tuple[float, float]]:
    """Samples a second, ours and theirs, by batch size."""
    n_features, d_in, mean_active = size
    data = {
        batch: SyntheticActivations(
            d_in,
            n_features,
            mean_active,
            dependence=DEPENDENCES[correlation],
            hierarchy=Trees(*trees) if trees else None,
            batch_size=batch,
            samples_per_epoch=10**9,
        )
        for batch in BATCHES
    }
    if peer:
        peer.prepare(size, correlation, trees)
    speeds = []
    for batch in BATCHES:
        ours, theirs, indices = [], [], itertools.count()
        data[batch].batch("train", 0, 10**5)  # warms up
        for _ in range(RUNS):
            ours.append(batch * clock(lambda b=batch, i=indices: data[b].batch("train", 0, next(i))))
            theirs.append(float(peer.ask({"batch": batch})) if peer else float("nan"))
        speeds.append((statistics.median(ours), statistics.median(theirs)))
    return speeds


class Clock(Callback):
    """Keeps the seconds of each step and of each sampling within."""

    ends: list[float] = []  # noqa: RUF012 - read after the command line has dropped the instance
    samplings: list[float] = []  # noqa: RUF012

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Have the data module's sampling clocked."""
        rows = trainer.datamodule.rows

        def clocked(*args: Any) -> dict[str, torch.Tensor]:
            start = time.perf_counter()
            batch = rows(*args)
            self.samplings.append(time.perf_counter() - start)
            return batch

        trainer.datamodule.rows = clocked

    def on_train_batch_end(self, *_: object) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def share_of_step() -> tuple[float, float]:
    """Median milliseconds of a sampling and of a step of `saesim fit`, the sampling included."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "clock.yaml")
        config.write_text("trainer: {callbacks+: [{class_path: tests.benchmarks.sampling.Clock}]}")
        saesim(
            [
                "fit",
                "--config=configs/base.yaml",
                "--config=configs/data/uniform.yaml",
                "--config=configs/saes/standard.yaml",
                f"--config={config}",
                "--trainer.max_epochs=2",
                "--trainer.limit_val_batches=0",
                "--trainer.accelerator=cpu",
                "--trainer.enable_progress_bar=false",
                f"--trainer.logger.init_args.save_dir={folder}",
            ]
        )
    clock_ = sys.modules["tests.benchmarks.sampling"].Clock
    steps = [b - a for a, b in itertools.pairwise(clock_.ends[5:])]
    return 1e3 * statistics.median(clock_.samplings[5:]), 1e3 * statistics.median(steps)


def main() -> None:
    """Print the table and the share."""
    import tests.benchmarks.sampling  # noqa: F401 - the module whose Clock the command line fills

    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", help="a Python that has sae-lens 6.54")
    parser.add_argument("--threads", type=int, default=1, help="of either side")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    peer = Peer(arguments.peers, arguments.threads) if arguments.peers else None
    print(f"thousand samples a second, {arguments.threads} threads, median of {RUNS} runs")
    head = "features x d_in, active", "correlation", "batch", "ours", "sae-lens"
    print("{:24s} {:15s} {:>5s} {:>7s} {:>8s} ratio".format(*head))
    for size, correlation, trees in CASES:
        speeds = case_speeds(peer, size, correlation, trees)
        for batch, (ours, theirs) in zip(BATCHES, speeds, strict=True):
            name = f"{size[0]} x {size[1]}, {size[2]:.0f}"
            law = correlation + (", trees" if trees else "")
            print(
                f"{name:24s} {law:15s} {batch:5d} {ours / 1e3:7.1f} {theirs / 1e3:8.1f} {ours / theirs:5.1f}",
                flush=True,
            )
    if peer:
        peer.process.communicate()
    sampling, step = share_of_step()
    print(f"saesim fit: sampling {sampling:.2f} ms of a step of {step:.2f} ms, {sampling / step:.1%}")


if __name__ == "__main__":
    main()
