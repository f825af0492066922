"""A setting of an SAE that changes while it trains."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer

from saesim_pl.training import SAECohort
from saesim_pl.training.cohort_of import cohort_of

from .on_saes import OnSAEs


class Anneal(OnSAEs):
    """Moves a number that SAEs were configured with from ``start`` to that configured value, linearly.

    Examples: ``k`` of a TopK SAE from 40 keeps its latents alive, ``l1_coefficient`` from 0 is a sparsity
    warm-up, ``p`` from 1 is P-annealing. The value depends on the step alone, so a resumed run continues
    the same schedule; validation uses the value of its step.

    Args:
        setting: Attribute of the SAEs, such as ``k``, ``l1_coefficient``, ``l0_coefficient`` or ``p``.
        start: Its value at the first step.
        fraction: Share of the run's steps after which it has its configured value.
        saes: Names of the SAEs concerned; by default all that have the setting.

    Raises:
        ValueError: No SAE has the setting, a named one lacks it or is unknown, or a number is out of range.
    """

    def __init__(
        self, setting: str, start: float, fraction: float = 0.5, saes: list[str] | None = None
    ) -> None:
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must lie in (0, 1], got {fraction}")
        super().__init__(saes)
        self.setting, self.start, self.fraction = setting, start, fraction
        self.ends: dict[str, float] = {}

    @property
    def state_key(self) -> str:
        """One for each setting and choice of SAEs."""
        return f"{type(self).__name__}({self.setting}, {self.saes})"

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remember the configured values.

        Raises:
            TypeError: The model is not an ``SAECohort``.
        """
        super().setup(trainer, pl_module, stage)
        if stage != "fit":
            return
        cohort = cohort_of(pl_module, self)
        for name, sae in self.chosen(cohort).items():
            value = getattr(sae, self.setting, None)
            if isinstance(value, int | float):
                self.ends[name] = value
                self._set(cohort, name, self.start)  # refused here rather than at the first step
        if not self.ends:
            raise ValueError(f"setting: no SAE has a number {self.setting!r}")
        if lacking := set(self.saes or []) - self.ends.keys():
            raise ValueError(f"setting: {sorted(lacking)} have no number {self.setting!r}")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the value of the last step: a resumed run may still have to validate that step."""
        self._set_at(trainer, cohort_of(pl_module, self), max(0, trainer.global_step - 1))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Set the value of this step."""
        self._set_at(trainer, cohort_of(pl_module, self), trainer.global_step)

    def _set_at(self, trainer: Trainer, cohort: SAECohort, step: int) -> None:
        done = step / (self.fraction * trainer.estimated_stepping_batches)
        for name, end in self.ends.items():
            self._set(cohort, name, self.start + (end - self.start) * done if done < 1 else end)
            if done < 1:
                cohort.moving.add((name, self.state_key))
            else:
                cohort.moving.discard((name, self.state_key))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the configured values."""
        cohort = cohort_of(pl_module, self)
        for name, end in self.ends.items():
            self._set(cohort, name, end)
            cohort.moving.discard((name, self.state_key))

    def _set(self, cohort: SAECohort, name: str, value: float) -> None:
        whole = isinstance(self.ends[name], int)
        setattr(cohort.saes[name], self.setting, round(value) if whole else value)
