"""A LightningModule whose predictions are a language model's activations, and where weights come from."""

from saesim_pl.language_models.activations import LanguageModelActivations

__all__ = ["LanguageModelActivations"]
