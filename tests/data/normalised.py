"""Synthetic data that are normalised, for runs of the command line."""

from typing import Any

from saesim_pl.data import SyntheticActivations
from saesim_pl.data.normalization import NormalizationMode


class NormalisedActivations(SyntheticActivations):
    """Synthetic activations under ``normalize``.

    Args:
        normalize: See ``ActivationDataModule``.
        kwargs: As for ``SyntheticActivations``.
    """

    def __init__(self, normalize: NormalizationMode = "mean_norm", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.normalize = normalize
