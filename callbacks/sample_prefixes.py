"""Prefixes of a Matryoshka SAE that differ from step to step."""

from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer

from saesim_pl.saes import MatryoshkaSAE
from saesim_pl.training import SAECohort
from saesim_pl.training.cohort_of import cohort_of

from .on_saes import OnSAEs


class SamplePrefixes(OnSAEs):
    """Draws new prefixes for every Matryoshka SAE at each step, short ones more often.

    Their lengths are ``d_sae`` and ``n_prefixes - 1`` others, each the integer part of a power of
    ``d_sae`` whose exponent is uniform: halves, quarters and eighths are equally often the length's
    magnitude. Nabeshima (2024), "Matryoshka sparse autoencoders". The draw depends on the step alone.

    Args:
        n_prefixes: Reconstructions per step.
        seed: Of the draws.
        saes: Names of the SAEs acted on; by default every Matryoshka.

    Raises:
        ValueError: ``n_prefixes`` is below 1, no SAE is a Matryoshka, or a named SAE is of another class.
    """

    def __init__(self, n_prefixes: int = 5, seed: int = 0, saes: list[str] | None = None) -> None:
        super().__init__(saes)
        if n_prefixes < 1:
            raise ValueError(f"n_prefixes must be at least 1, got {n_prefixes}")
        self.n_prefixes, self.seed = n_prefixes, seed

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a cohort without a Matryoshka."""
        super().setup(trainer, pl_module, stage)
        nested = {n: isinstance(sae, MatryoshkaSAE) for n, sae in self.chosen(pl_module).items()}
        if not any(nested.values()):
            raise ValueError("SamplePrefixes needs a MatryoshkaSAE among the SAEs")
        if self.saes and not all(nested.values()):
            others = [name for name in nested if not nested[name]]
            raise ValueError(f"SamplePrefixes: {others} are no MatryoshkaSAE")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the groups of the last step: a run that goes on may have its validation still to do."""
        if trainer.global_step:
            self._set_at(cohort_of(pl_module, self), trainer.global_step - 1)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Set the groups of this step."""
        self._set_at(cohort_of(pl_module, self), trainer.global_step)

    def _set_at(self, cohort: SAECohort, step: int) -> None:
        exponents = np.random.default_rng((self.seed, step)).random(self.n_prefixes - 1)
        for name, sae in self.chosen(cohort).items():
            if isinstance(sae, MatryoshkaSAE):
                ends = sorted({*(int(sae.d_sae**exponent) for exponent in exponents), sae.d_sae})
                sae.group_sizes = np.diff([0, *ends]).tolist()
                cohort.moving.add((name, self.state_key))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The groups stay as they are."""
        cohort = cohort_of(pl_module, self)
        cohort.moving = {(name, by) for name, by in cohort.moving if by != self.state_key}
