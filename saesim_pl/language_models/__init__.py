"""A LightningModule that predicts a language model's activations, and loading of pretrained models."""

from saesim_pl.language_models.activations import LanguageModelActivations

__all__ = ["LanguageModelActivations"]
