"""The one typed door through which callbacks reach a run's SAEs."""

from lightning.pytorch import Callback, LightningModule

from saesim_pl.training.cohort import SAECohort


def cohort_of(pl_module: LightningModule, asker: Callback) -> SAECohort:
    """The run's model, for ``asker``, which works on SAEs; to be called in ``setup`` first.

    Raises:
        TypeError: The model is not an ``SAECohort``.
    """
    if not isinstance(pl_module, SAECohort):
        raise TypeError(f"{type(asker).__name__} needs an SAECohort, got {type(pl_module).__name__}")
    return pl_module
