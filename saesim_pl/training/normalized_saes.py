"""Named SAEs, with what their streams went through before they saw them."""

from copy import deepcopy
from inspect import signature
from pathlib import Path
from typing import IO, Any, Self

from jaxtyping import Float
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from saesim_pl.data.batches import ActivationDataModule
from saesim_pl.data.normalization import Normalization
from saesim_pl.data.source import known_activations
from saesim_pl.interop.checkpoint import factories_of, read_checkpoint
from saesim_pl.saes import SparseAutoencoder
from saesim_pl.training.named_modules import NamedModules
from saesim_pl.training.not_finite import FiniteLossesOnly


class NormalizedSAEs(FiniteLossesOnly):
    """Keeps in its checkpoint how the data normalised what its SAEs were trained on.

    Attributes:
        saes: By name.
        reads: Stream that each reads.
        normalizations: By stream; empty before training and where the data do not tell.
    """

    saes: NamedModules[SparseAutoencoder]
    reads: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.normalizations: dict[str, Normalization] = {}

    @classmethod
    def load_from_checkpoint(  # type: ignore[override] # neither YAML of hyperparameters nor loose weights
        cls,
        checkpoint_path: str | Path | IO[bytes],
        map_location: Any = "cpu",
        weights_only: bool = True,
        **arguments: Any,
    ) -> Self:
        """The trained SAEs of a checkpoint, without its data and without running any code of its own.

        Nothing but subclasses of ``SparseAutoencoder`` that are imported already is constructed.

        Args:
            checkpoint_path: For example ``lightning_logs/.../checkpoints/last.ckpt``.
            map_location: Device of the weights.
            weights_only: Must be true; Lightning's own loading would also take pickled code.
            arguments: In place of those that the checkpoint keeps. ``saes`` is needed where the cohort was
                built from lambdas: a factory by name, such as ``{"a": partial(TopKSAE, d_sae=512, k=16)}``.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is damaged, names another class, or does not say what its SAEs are.
        """
        if not weights_only:
            raise ValueError("weights_only must be true: a checkpoint is data, no code of it runs")
        checkpoint = read_checkpoint(checkpoint_path, map_location)
        known = signature(cls.__init__).parameters
        kept = {key: value for key, value in checkpoint.get("hyper_parameters", {}).items() if key in known}
        if "saes" not in kept and "saes" not in arguments:
            raise ValueError(
                f"{checkpoint_path} does not say what its SAEs are, as their cohort was built from "
                "functions: pass saes={name: partial(TopKSAE, d_sae=..., k=...)}"
            )
        saes = arguments["saes"] if "saes" in arguments else factories_of(kept["saes"])
        cohort = cls(**(kept | arguments | {"saes": saes}))
        cohort.on_load_checkpoint(checkpoint)
        cohort.load_state_dict(checkpoint["state_dict"])
        return cohort if map_location is None else cohort.to(map_location)

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
            sae.fold_normalization(*made.shift_and_scale)
        return sae

    def setup(self, stage: str) -> None:
        """Evaluate on activations that are normalised by the numbers of the training.

        Raises:
            ValueError: The data are normalised in another way.
        """
        if stage != "fit":
            self._tell(known_activations(self.trainer))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Float[Tensor, "n d_in"]]:
        """Reconstructions by SAE."""
        return {name: sae(batch[self.reads[name]]) for name, sae in self.saes.items()}

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> STEP_OUTPUT:
        """The validation step."""
        return self.validation_step(batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        """See :meth:`on_validation_epoch_end`."""
        self.on_validation_epoch_end()

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Float[Tensor, "n d_sae"]]:
        """Latents by SAE, as ``encode`` gives them for rows as the data serve them."""
        return {name: sae.encode(batch[self.reads[name]]) for name, sae in self.saes.items()}

    def on_train_start(self) -> None:
        """Take down how the data normalise what the SAEs learn from, where they tell."""
        data = known_activations(self.trainer)
        known = data.normalizations if data else {}
        self.normalizations = {stream: known[stream] for stream in self.reads.values() if stream in known}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the normalisation with the weights, which mean nothing without it."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["normalizations"] = {s: dict(vars(made)) for s, made in self.normalizations.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the normalisation, if there is one, and let the data at hand use it.

        Raises:
            ValueError: The data are normalised in another way.
        """
        saved = checkpoint.get("normalizations", {})
        self.normalizations = {stream: Normalization(**numbers) for stream, numbers in saved.items()}
        if self._trainer is not None:
            self._tell(known_activations(self._trainer))

    def _tell(self, data: ActivationDataModule | None) -> None:
        if data is not None:
            data.restore(self.normalizations)
