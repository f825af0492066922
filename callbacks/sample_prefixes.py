"""Prefixes of a Matryoshka SAE that differ from step to step."""

from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from saesim_pl.cohort import SAECohort
from saesim_pl.saes import MatryoshkaSAE


class SamplePrefixes(Callback):
    """Draws the prefixes of every Matryoshka SAE anew at each step, short ones more often.

    Their lengths are ``d_sae`` and ``n_prefixes - 1`` others, each the integer part of a power of
    ``d_sae`` whose exponent is uniform: halves, quarters and eighths are equally often the length's
    magnitude. Nabeshima (2024), "Matryoshka sparse autoencoders". The draw depends on the step alone.

    Args:
        n_prefixes: Reconstructions per step.
        seed: Of the draws.

    Raises:
        ValueError: ``n_prefixes`` is below 1, or no SAE is a Matryoshka.
    """

    def __init__(self, n_prefixes: int = 5, seed: int = 0) -> None:
        if n_prefixes < 1:
            raise ValueError(f"n_prefixes must be at least 1, got {n_prefixes}")
        self.n_prefixes, self.seed = n_prefixes, seed

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a cohort without a Matryoshka."""
        saes = pl_module.saes.values() if isinstance(pl_module, SAECohort) else ()
        if not any(isinstance(sae, MatryoshkaSAE) for sae in saes):
            raise ValueError("SamplePrefixes needs a MatryoshkaSAE among the SAEs")

    def on_train_batch_start(self, trainer: Trainer, pl_module: SAECohort, *_: Any) -> None:
        """Set the groups of this step."""
        exponents = np.random.default_rng((self.seed, trainer.global_step)).random(self.n_prefixes - 1)
        for sae in pl_module.saes.values():
            if isinstance(sae, MatryoshkaSAE):
                ends = sorted({*(int(sae.d_sae**exponent) for exponent in exponents), sae.d_sae})
                sae.group_sizes = np.diff([0, *ends]).tolist()
