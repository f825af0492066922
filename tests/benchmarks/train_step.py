"""Cost of a training step beside the floor of five matrix products, in one process.

python -m tests.benchmarks.train_step [d_in d_sae batch steps]

A dense ReLU step needs five products: encode, decode, and the gradients of decoder, latents and encoder.
"bare" is loss, backward, clipping and Adam; "saesim fit" is all of that through the command line's own
trainer, its sampling, logging and hooks included; "pair" trains two SAEs on two streams, for one of them;
"pair on one stream" is both, also in units of "saesim fit".
"""

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from lightning.pytorch import Callback

from saesim_pl.cli import main as saesim
from saesim_pl.data import SyntheticActivations
from saesim_pl.saes import StandardSAE

D_IN, D_SAE, BATCH, STEPS = (int(a) for a in sys.argv[1:5] or (256, 512, 4096, 60))
WARM_UP = 5


class Clock(Callback):
    """Keeps the time between the ends of two steps."""

    ends: list[float] = []  # noqa: RUF012 - read after the command line has dropped the instance

    def on_train_batch_end(self, *_: object) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def clock(step: Callable[[int], None]) -> float:
    """Median milliseconds of ``step``."""
    times = []
    for i in range(WARM_UP + STEPS):
        start = time.perf_counter()
        step(i)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[WARM_UP:])


def floor() -> Callable[[int], None]:
    """Five products of the shapes that a step has."""
    x, r = torch.randn(BATCH, D_IN), torch.randn(BATCH, D_IN)
    w, v, a = torch.randn(D_IN, D_SAE), torch.randn(D_SAE, D_IN), torch.randn(BATCH, D_SAE)

    def step(_: int) -> None:
        x @ w, a @ v, a.T @ r, r @ v.T, x.T @ a

    return step


def bare() -> Callable[[int], None]:
    """A step without Lightning."""
    batches = [torch.randn(BATCH, D_IN) for _ in range(8)]
    sae = StandardSAE(D_IN, D_SAE)
    adam = torch.optim.Adam(sae.parameters(), lr=1e-3, fused=True)

    def step(i: int) -> None:
        loss = sae.loss(batches[i % 8]).loss
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(sae.parameters(), 1.0)
        adam.step()

    return step


def fit(data: str, saes: str, sizes: list[str]) -> float:
    """Median milliseconds between two steps of ``saesim fit``."""
    ends = sys.modules["tests.benchmarks.train_step"].Clock.ends  # not of __main__: the one that is filled
    ends.clear()
    with tempfile.TemporaryDirectory() as folder:
        clock_config = Path(folder, "clock.yaml")
        clock_config.write_text("trainer: {callbacks+: [{class_path: tests.benchmarks.train_step.Clock}]}")
        saesim(
            [
                "fit",
                "--config=configs/base.yaml",
                f"--config=configs/data/{data}.yaml",
                f"--config=configs/saes/{saes}.yaml",
                f"--config={clock_config}",
                *sizes,
                f"--data.init_args.d_in={D_IN}",
                f"--data.init_args.batch_size={BATCH}",
                f"--data.init_args.samples_per_epoch={BATCH * (STEPS + WARM_UP)}",
                "--trainer.max_epochs=1",
                "--trainer.limit_val_batches=0",
                "--trainer.accelerator=cpu",
                "--trainer.enable_progress_bar=false",
                f"--trainer.logger.init_args.save_dir={folder}",
            ]
        )
    return 1e3 * statistics.median(b - a for a, b in itertools.pairwise(ends[WARM_UP:]))


def sampling() -> float:
    """Million samples a second of one stream."""
    data = SyntheticActivations(d_in=D_IN, batch_size=BATCH, stream_names=["a"], samples_per_epoch=10**7)
    return BATCH / clock(lambda i: data.batch("train", 0, i)) / 1e3


def main() -> None:
    """Print the table, the floor measured before and after."""
    import tests.benchmarks.train_step  # noqa: F401 - the module whose Clock the command line fills

    before = clock(floor())
    size = f"init_args.d_sae={D_SAE}"
    times = {
        "bare": clock(bare()),
        "saesim fit": fit("uniform", "standard", [f"--model.init_args.saes.a.{size}"]),
        "saesim fit, pair": fit(
            "uniform_shared",
            "standard_pair",
            [f"--model.init_args.saes.a.{size}", f"--model.init_args.saes.b.{size}"],
        )
        / 2,
    }
    pair = [f"--model.init_args.saes.{sae}.{size}" for sae in "ab"] + ['--model.init_args.reads={"b": "a"}']
    times["saesim fit, pair on one stream"] = both = fit("uniform", "standard_pair", pair)
    again = fit("uniform", "standard", [f"--model.init_args.saes.a.{size}"])
    base = (before + clock(floor())) / 2
    print(f"d_in {D_IN}, d_sae {D_SAE}, batch {BATCH}, {torch.get_num_threads()} threads")
    print(f"{'five products':30s} {base:7.1f} ms")
    for name, ms in times.items():
        print(f"{name:30s} {ms:7.1f} ms  {ms / base:5.2f} x floor")
    print(
        f"pair on one stream: {both / ((times['saesim fit'] + again) / 2):.2f} x saesim fit before and after"
    )
    print(f"sampling                       {sampling():7.2f} million samples a second")


if __name__ == "__main__":
    main()
