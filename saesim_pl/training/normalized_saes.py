"""Named SAEs, with what their streams went through before they saw them."""

from copy import deepcopy
from typing import Any

from lightning.pytorch import LightningModule
from torch import nn

from saesim_pl.data.normalization import Normalization
from saesim_pl.saes import SparseAutoencoder


class NormalizedSAEs(LightningModule):
    """Keeps in its checkpoint how the data normalised what its SAEs were trained on.

    Attributes:
        saes: By name.
        reads: Stream that each reads.
        normalizations: By stream; empty before training and where the data do not tell.
    """

    saes: nn.ModuleDict
    reads: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.normalizations: dict[str, Normalization] = {}

    def folded(self, name: str) -> SparseAutoencoder:
        """A copy of SAE ``name`` that reads and reconstructs raw activations, as a language model has them.

        Latents are those of the cohort. Decoder norms stay in the decoder; see ``fold_decoder_norms``.

        Raises:
            KeyError: No SAE has this name.
            TypeError: A ``MatchingPursuitSAE`` was trained on standardised activations.
            ValueError: The normalisation is ``row_norm``, or unknown: before training, in a checkpoint that
                is older than normalisation, or where a loader and no ``ActivationDataModule`` was trained on.
        """
        stream, sae = self.reads[name], deepcopy(self.saes[name])
        if stream not in self.normalizations:
            raise ValueError(
                f"nothing tells how stream {stream!r} of SAE {name!r} was normalised in training"
            )
        made = self.normalizations[stream]
        if made.mode == "row_norm":
            raise ValueError(
                f"no weights divide a row by its own norm; SAE {name!r} was trained under row_norm"
            )
        if made.mode != "none":
            sae.fold_normalization(made.shift, made.scale)
        return sae

    def setup(self, stage: str) -> None:
        """Refuse to evaluate SAEs on activations that are normalised in another way than in training.

        Raises:
            ValueError: With both ways.
        """
        here = getattr(self.trainer.datamodule, "normalize", None)
        for stream, made in self.normalizations.items():
            if stage in ("validate", "test") and here not in (None, made.mode):
                raise ValueError(
                    f"normalize is {here} in the data; the SAEs of {stream!r} learnt from {made.mode}"
                )

    def on_train_start(self) -> None:
        """Take down how the data normalise what the SAEs learn from, where they tell."""
        known = getattr(self.trainer.datamodule, "normalizations", {})
        self.normalizations = {stream: known[stream] for stream in self.reads.values() if stream in known}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the normalisation with the weights, which mean nothing without it."""
        checkpoint["normalizations"] = {s: dict(vars(made)) for s, made in self.normalizations.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the normalisation, if there is one."""
        saved = checkpoint.get("normalizations", {})
        self.normalizations = {stream: Normalization(**numbers) for stream, numbers in saved.items()}
