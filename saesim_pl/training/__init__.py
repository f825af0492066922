"""LightningModules that train SAEs, and what they need: optimizer, clipping, refusals, normalization."""

from saesim_pl.training.cohort import SAECohort

__all__ = ["SAECohort"]
