"""Cost and memory of a training step of every architecture, beside the floor and beside other libraries.

python -m tests.benchmarks.architectures [--peers PYTHON] [--sizes D_IN D_SAE BATCH] [--k K] [--steps N]

A step is loss, backward, clipping and fused Adam. The floor is the five matrix products of a dense step, as
PyTorch computes them. Every line is a process of its own, so that its peak is its own. The last table takes
one, two and five SAEs on one stream, in turns in one process. ``--peers`` is a Python that has sae-lens
and dictionary-learning.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from saesim_pl import saes
from saesim_pl.saes.stack import joint_losses
from saesim_pl.training.optimization import clip_each

ARCHITECTURES = [name for name in saes.__all__ if name.endswith("SAE")]
WARM_UP = 3


def measure(name: str, d_in: int, d_sae: int, batch: int, k: int, steps: int) -> None:
    """Print milliseconds a step and MiB of peak memory of one architecture, or of the floor."""
    torch.manual_seed(0)
    batches = [torch.randn(batch, d_in) for _ in range(8)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step = floor(d_in, d_sae, batch) if name == "floor" else training_step(name, batches, d_sae, k)
    times = []
    for i in range(WARM_UP + steps):
        start = time.perf_counter()
        step(i)
        times.append(time.perf_counter() - start)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{1e3 * statistics.median(times[WARM_UP:]):.3f} {peak:.0f}")


def training_step(name: str, batches: list[torch.Tensor], d_sae: int, k: int, n: int = 1):
    """A step of ``n`` SAEs on the same batch, without Lightning; each is clipped by itself."""
    make = getattr(saes, name)
    d_in = batches[0].shape[1]
    takes_k = issubclass(make, saes.TopKSAE | saes.BatchTopKSAE | saes.MatchingPursuitSAE)
    cohort = [make(d_in, d_sae, k=k) if takes_k else make(d_in, d_sae) for _ in range(n)]
    adam = torch.optim.Adam([p for sae in cohort for p in sae.parameters()], lr=1e-3, fused=True)

    def step(i: int) -> None:
        outputs = joint_losses(cohort, [batches[i % len(batches)]] * n)
        loss = torch.stack([output.loss for output in outputs]).sum()
        adam.zero_grad()
        loss.backward()
        clip_each(cohort, 1.0)
        adam.step()

    return step


def print_cohorts(d_in: int, d_sae: int, batch: int, k: int, steps: int) -> None:
    """Print what two and five SAEs on one stream cost beside one."""
    batches = [torch.randn(batch, d_in) for _ in range(8)]
    for name in ("StandardSAE", "TopKSAE"):
        runs = {n: training_step(name, batches, d_sae, k, n) for n in (1, 2, 5)}
        times = {n: [] for n in runs}
        for i in range(WARM_UP + steps):
            for n, step in runs.items():
                start = time.perf_counter()
                step(i)
                times[n].append(time.perf_counter() - start)
        one, *more = (1e3 * statistics.median(times[n][WARM_UP:]) for n in runs)
        ratios = ", ".join(f"{n}: {ms / one:.2f} x one" for n, ms in zip((2, 5), more, strict=True))
        print(f"{name:12s} on one stream  1: {one:.1f} ms, {ratios}", flush=True)


def floor(d_in: int, d_sae: int, batch: int):
    """Five products of the shapes that a dense step has."""
    x, r = torch.randn(batch, d_in), torch.randn(batch, d_in)
    w, v, a = torch.randn(d_in, d_sae), torch.randn(d_sae, d_in), torch.randn(batch, d_sae)
    return lambda _: (x @ w, a @ v, a.T @ r, r @ v.T, x.T @ a)


def run(command: list[str]) -> tuple[float, float]:
    """Milliseconds and MiB that a process reports."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"    failed: {(done.stderr.strip().splitlines() or ['no message'])[-1][:150]}")
        return float("nan"), float("nan")
    ms, peak = done.stdout.split()[-2:]
    return float(ms), float(peak)


def main() -> None:
    """Print the table, the floor measured before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="a Python that has sae-lens and dictionary-learning")
    parser.add_argument("--sizes", type=int, nargs=3, default=[256, 512, 4096])
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=ARCHITECTURES)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    numbers = [*options.sizes, options.k, options.steps]
    if options.measure:
        measure(options.measure, *numbers)
        return
    sizes = ["--sizes", *map(str, options.sizes), "--k", str(options.k), "--steps", str(options.steps)]
    own = [sys.executable, "-m", "tests.benchmarks.architectures", *sizes, "--measure"]
    print(f"d_in {options.sizes[0]}, d_sae {options.sizes[1]}, batch {options.sizes[2]}, k {options.k}")
    base, _ = run([*own, "floor"])
    lines = {f"saesim {name}": [*own, name] for name in options.only}
    peers = [options.peers, str(Path(__file__).with_name("peers.py")), *map(str, numbers)]
    if options.peers:
        for library in ("sae_lens", "dictionary_learning"):
            lines |= {f"{library} {kind}": [*peers, library, kind] for kind in ("standard", "top_k")}
    for name, command in lines.items():
        ms, peak = run(command)
        print(f"{name:32s} {ms:8.1f} ms {ms / base:6.2f} x floor  peak {peak:6.0f} MiB", flush=True)
    print(f"floor before {base:.1f} ms, after {run([*own, 'floor'])[0]:.1f} ms")
    print_cohorts(*numbers)


if __name__ == "__main__":
    main()
