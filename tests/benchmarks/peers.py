"""Cost of a training step of other SAE libraries, run by the Python that has them.

PYTHON_WITH_PEERS tests/benchmarks/peers.py D_IN D_SAE BATCH K STEPS

Prints, for each library and kind, milliseconds a step (median) and MiB that its peak adds to the process.
Imports nothing of this project, so that sae-lens 6.54 and dictionary-learning 0.1.0 may live in an
environment of their own.
"""

import contextlib
import io
import itertools
import resource
import statistics
import sys
import time
import warnings

import torch

warnings.filterwarnings("ignore")
WARM_UP = 3


def sae_lens(kind: str, d_in: int, d_sae: int, k: int, batches: list) -> object:
    """One step of SAELens' trainer."""
    import sae_lens
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    if kind == "standard":
        config = sae_lens.StandardTrainingSAEConfig(d_in=d_in, d_sae=d_sae, l1_coefficient=1e-3)
        sae = sae_lens.StandardTrainingSAE(config)
    else:
        sae = sae_lens.TopKTrainingSAE(sae_lens.TopKTrainingSAEConfig(d_in=d_in, d_sae=d_sae, k=k))
    settings = SAETrainerConfig(
        total_training_samples=10**12,
        train_batch_size_samples=len(batches[0]),
        logger=LoggingConfig(log_to_wandb=False),
        lr_end=3e-4,
    )
    trainer = SAETrainer(cfg=settings, sae=sae, data_provider=itertools.cycle(batches))

    def step(i: int) -> None:
        trainer.n_training_samples += len(batches[0])
        trainer._train_step(sae=trainer.sae, sae_in=batches[i % len(batches)])
        trainer.n_training_steps += 1

    return step


def dictionary_learning(kind: str, d_in: int, d_sae: int, k: int, batches: list) -> object:
    """One step of dictionary_learning's trainers."""
    from dictionary_learning.trainers.standard import StandardTrainer
    from dictionary_learning.trainers.top_k import TopKTrainer

    common = {"steps": 10**6, "activation_dim": d_in, "dict_size": d_sae, "layer": 0, "lm_name": "x"}
    if kind == "standard":
        trainer = StandardTrainer(**common, device="cpu")
    else:
        trainer = TopKTrainer(**common, device="cpu", k=k)
    return lambda i: trainer.update(i, batches[i % len(batches)])


def main() -> None:
    """Print a line for the library and kind named, and one for the floor of five products."""
    d_in, d_sae, batch, k, steps = map(int, sys.argv[1:6])
    library, kind = sys.argv[6:8]
    torch.manual_seed(0)
    batches = [torch.randn(batch, d_in) for _ in range(8)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.redirect_stdout(io.StringIO()):
        step = {"sae_lens": sae_lens, "dictionary_learning": dictionary_learning}[library](
            kind, d_in, d_sae, k, batches
        )
        times = []
        for i in range(WARM_UP + steps):
            start = time.perf_counter()
            step(i)
            times.append(time.perf_counter() - start)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{1e3 * statistics.median(times[WARM_UP:]):.3f} {peak:.0f}")


if __name__ == "__main__":
    main()
