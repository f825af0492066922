"""Any number of SAEs trained on the same batches, none of which notices the others."""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from saesim_pl.checks import check_positive
from saesim_pl.interop.checkpoint import recipes_of
from saesim_pl.metrics.sae_quality import SAEQuality
from saesim_pl.saes import SAEOutput, SparseAutoencoder
from saesim_pl.saes.members import made, refuse_other_weights, stream_of
from saesim_pl.saes.stack import joint_losses
from saesim_pl.training.named_modules import NamedModules
from saesim_pl.training.normalized_saes import NormalizedSAEs
from saesim_pl.training.optimization import adam, clip_each, refuse_slow_precision
from saesim_pl.training.trainer_settings import settings_of

AuxiliaryLoss = Callable[[str, SparseAutoencoder, Tensor, SAEOutput], Tensor | None]
"""Of an SAE's name, the SAE, its batch and output: what a callback adds to its loss, if anything."""


class SAECohort(NormalizedSAEs):
    """Trains named SAEs, each as if it were alone: with its own initialisation and gradient clipping.

    The trainer's ``gradient_clip_val`` bounds the norm of each SAE's gradient by itself. Logs
    ``train/<sae>/<term>`` while training, and over all validation rows ``<sae>/loss``, its terms and what
    :class:`~saesim_pl.metrics.SAEQuality` gives: ``<sae>/l0``, ``/dead``, ``/dense``, ``/fvu``, ``/cosine``
    and ``/bias``, all of activations as the data serve them; ``folded`` gives SAEs that read raw ones. SAEs
    alike on one stream are computed together where that is faster, equal to 1e-5 to those alone.

    Args:
        saes: By name, what makes an SAE once it is told ``d_in``.
        streams: Width ``d_in`` of each stream; the command line takes it from the data.
        reads: Stream that an SAE reads; by default the one of its own name, or the only one there is.
        seeds: Initialisation seed of an SAE; by default one drawn from its name.
        lr: Learning rate of Adam.
        betas: Decay rates of Adam's moments.
        warmup_fraction: First share of the steps, over which the learning rate rises linearly from 0.
        decay_fraction: Last share of the steps, over which it falls linearly to 0.
        compile: Compile the losses, for long runs on GPUs; not while a callback moves a setting of an SAE.

    Raises:
        ValueError: An SAE reads a stream that the data lack, a name is unknown, or a number is out of range.
    """

    def __init__(
        self,
        saes: dict[str, Callable[[int], SparseAutoencoder]],
        streams: dict[str, int],
        reads: dict[str, str] | None = None,
        seeds: dict[str, int] | None = None,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        warmup_fraction: float = 0.0,
        decay_fraction: float = 0.3,
        compile: bool = False,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        # A checkpoint holds no code: it keeps what a factory makes, or nothing of it.
        if recipes := recipes_of(self.hparams.pop("saes")):
            self.hparams["saes"] = recipes
        if not saes:
            raise ValueError("saes is empty: name at least one SAE")
        for name in saes:
            if not name.isidentifier() or name in ("truth", "train") or hasattr(NamedModules, name):
                raise ValueError(f"{name!r} cannot name an SAE: take letters, digits and underscores")
        check_positive(lr=lr)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must lie in [0, 1), got {betas}")
        for argument, share in {"warmup_fraction": warmup_fraction, "decay_fraction": decay_fraction}.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{argument} must lie in [0, 1], got {share}")
        by_sae: dict[str, Mapping[str, object]] = {"reads": reads or {}, "seeds": seeds or {}}
        for argument, named in by_sae.items():
            if unknown := named.keys() - saes.keys():
                raise ValueError(f"{argument} names {sorted(unknown)}, but the SAEs are {sorted(saes)}")
        self.lr, self.betas = lr, betas
        self.warmup_fraction, self.decay_fraction = warmup_fraction, decay_fraction
        self.auxiliary_losses: dict[str, dict[str, AuxiliaryLoss]] = {name: {} for name in saes}
        """By SAE and log name, what callbacks add to its loss."""
        self.reads = {name: stream_of(name, reads or {}, streams) for name in saes}
        self.saes = NamedModules()
        for name, make in saes.items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed((seeds or {}).get(name, zlib.crc32(name.encode())))
                self.saes[name] = made(name, make, streams[self.reads[name]])
        self._compiled = {n: torch.compile(sae.loss) for n, sae in self.saes.items()} if compile else {}
        self.moving: set[tuple[str, str]] = set()  # SAEs a callback moves a setting of: each value is a graph
        quality = {name: SAEQuality(sae.d_in, sae.d_sae) for name, sae in self.saes.items()}
        self.quality: NamedModules[SAEQuality] = NamedModules(quality)

    def latents(self, batch: dict[str, Tensor]) -> dict[str, Float[Tensor, "batch d_sae"]]:
        """Latents by SAE, as :meth:`validation_step` gives them."""
        return {name: output.latents for name, output in self._losses(batch).items()}

    def setup(self, stage: str) -> None:
        """Refuse slow precisions, clipping by value, and data of another normalisation."""
        super().setup(stage)
        if self.trainer.gradient_clip_algorithm not in (None, "norm"):
            raise ValueError("gradient_clip_algorithm must be norm, not value: SAECohort clips by norm")
        refuse_slow_precision(self.trainer.precision, self.trainer.strategy.root_device)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Any]:
        """Sum of the SAEs' losses; no SAE's gradient depends on another's.

        Raises:
            NotFiniteError: A loss is not finite; the weights are as they were. On an accelerator it is raised
                at the next step that is logged, validation, checkpoint or end of training.
        """
        outputs, losses = self._losses(batch), []
        every = settings_of(self.trainer).log_every_n_steps
        logs = bool(every) and (self.global_step + 1) % every == 0  # the steps at which Lightning writes
        for name, output in outputs.items():
            terms = {"loss": output.loss, **output.terms}
            losses += [output.loss, *(added := self._added_losses(name, batch, output)).values()]
            if logs:
                terms |= added | {"l0": (output.latents > 0).sum(1).float().mean()}
                self.log_dict({f"train/{name}/{key}": value.detach() for key, value in terms.items()})
        loss = torch.stack(losses).sum()
        self.refusals.training(loss, batch, batch_idx, waits=logs)
        return {"loss": loss, "fired": {name: output.fired for name, output in outputs.items()}}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Latents by SAE, for callbacks to compare.

        Raises:
            NotFiniteError: A loss is not finite.
        """
        outputs = self._losses(batch)
        loss = torch.stack([output.loss for output in outputs.values()]).sum()
        self.refusals.validation(loss, batch, batch_idx)
        for name, output in outputs.items():
            x = batch[self.reads[name]]
            self.quality[name].update(x, output.x_hat, output.latents)
            logged = {f"{name}/{key}": value for key, value in {"loss": output.loss, **output.terms}.items()}
            self.log_dict(logged, batch_size=len(x), sync_dist=True)
        return {name: output.latents for name, output in outputs.items()}

    def on_validation_epoch_end(self) -> None:
        """Log what needs all validation rows at once."""
        for name, quality in self.quality.items():
            # The metrics have reduced over ranks already; sync_dist only tells Lightning so.
            values = {f"{name}/{key}": value.float() for key, value in quality.compute().items()}
            self.log_dict(values, sync_dist=True)
            quality.reset()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the normalisation; refuse the weights of other SAEs.

        Raises:
            ValueError: Names or widths differ, or a weight is NaN or infinite.
        """
        super().on_load_checkpoint(checkpoint)
        refuse_other_weights(self.state_dict(), checkpoint["state_dict"])

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam, its rate risen and fallen as ``warmup_fraction`` and ``decay_fraction`` say."""
        # With a gradient scaler, fused Adam unscales only after the clipping.
        fused = self.trainer.precision != "16-mixed"
        shares = self.warmup_fraction, self.decay_fraction
        total = self.trainer.estimated_stepping_batches
        return adam(self.saes.parameters(), self.lr, self.betas, shares, total, fused)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip each SAE's gradient norm by itself.

        Raises:
            ValueError: Clipping by value is asked for.
        """
        if gradient_clip_algorithm not in (None, "norm"):
            raise ValueError(f"SAECohort clips by norm, not by {gradient_clip_algorithm!r}")
        if gradient_clip_val:
            clip_each(self.saes.values(), gradient_clip_val)

    def _losses(self, batch: dict[str, Tensor]) -> dict[str, SAEOutput]:
        inputs = {name: batch[self.reads[name]] for name in self.saes}
        if not self._compiled:
            return dict(zip(self.saes, joint_losses(self.saes.values(), inputs.values()), strict=True))
        losses = self._compiled | {name: self.saes[name].loss for name, _ in self.moving}
        return {name: losses[name](x) for name, x in inputs.items()}

    def _added_losses(self, name: str, batch: dict[str, Tensor], output: SAEOutput) -> dict[str, Tensor]:
        given = name, self.saes[name], batch[self.reads[name]], output
        added = {key: loss(*given) for key, loss in self.auxiliary_losses[name].items()}
        return {key: loss for key, loss in added.items() if loss is not None}
