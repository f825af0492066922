"""Base of the callbacks that change how SAEs train: it selects the SAEs to act on."""

from lightning.pytorch import Callback, LightningModule, Trainer

from saesim_pl.saes import SparseAutoencoder
from saesim_pl.training.cohort_of import cohort_of


class OnSAEs(Callback):
    """Acts on named SAEs of a cohort, so that several of a kind can act on different ones.

    Args:
        saes: Their names; by default all.

    Raises:
        ValueError: ``saes`` is empty.
    """

    acts_on_training = True
    """A run without this callback learns something else, and so is another experiment."""

    def __init__(self, saes: list[str] | None = None) -> None:
        if saes is not None and not saes:
            raise ValueError("saes is empty: leave it out to mean all SAEs")
        self.saes = saes

    @property
    def state_key(self) -> str:
        """One for each choice of SAEs; Lightning refuses two that are alike."""
        return type(self).__qualname__ + (f"({self.saes})" if self.saes else "")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse other models and unknown names.

        Raises:
            TypeError: The model is not an ``SAECohort``.
            ValueError: The cohort has no SAE of a name.
        """
        saes = cohort_of(pl_module, self).saes
        if unknown := set(self.saes or []) - saes.keys():
            raise ValueError(f"saes names {sorted(unknown)}, but the SAEs are {list(saes)}")

    def chosen(self, pl_module: LightningModule) -> dict[str, SparseAutoencoder]:
        """The SAEs acted on, by name, in the cohort's order.

        Raises:
            TypeError: The model is not an ``SAECohort``.
        """
        saes = cohort_of(pl_module, self).saes
        return {name: sae for name, sae in saes.items() if self.saes is None or name in self.saes}
