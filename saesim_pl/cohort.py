"""Any number of SAEs trained on the same batches, none of which notices the others."""

import math
import zlib
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from saesim_pl.metrics.firing_frequency import FiringFrequency
from saesim_pl.metrics.fraction_variance_unexplained import FractionVarianceUnexplained
from saesim_pl.saes import SAEOutput, SparseAutoencoder


class SAECohort(LightningModule):
    """Trains named SAEs, each as if it were alone: with its own initialisation and gradient clipping.

    The trainer's ``gradient_clip_val`` bounds the norm of each SAE's gradient by itself. Logs
    ``train/<sae>/<term>`` while training, and over all validation rows ``<sae>/loss``, its terms,
    ``<sae>/l0``, ``<sae>/fvu`` (fraction of variance unexplained) and ``<sae>/dead`` (share of latents
    that never fired).

    Args:
        saes: By name, what makes an SAE once it is told ``d_in``.
        streams: Width ``d_in`` of each stream; the command line takes it from the data.
        reads: Stream that an SAE reads; by default the one of its own name, or the only one there is.
        seeds: Initialisation seed of an SAE; by default one drawn from its name.
        lr: Learning rate of Adam.
        betas: Decay rates of Adam's moments.
        decay_fraction: Last share of the steps, over which the learning rate falls linearly to 0.

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
        decay_fraction: float = 0.3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if any(map(callable, self.hparams["saes"].values())):
            # Built in Python, not from a configuration: a checkpoint holds no code, so it holds no factories.
            del self.hparams["saes"]
        if not saes:
            raise ValueError("saes is empty: name at least one SAE")
        for name in saes:
            if not name.isidentifier() or name in ("truth", "train") or hasattr(nn.ModuleDict, name):
                raise ValueError(f"{name!r} cannot name an SAE: take letters, digits and underscores")
        if lr <= 0:
            raise ValueError(f"lr must be positive, got {lr}")
        if not 0 <= decay_fraction <= 1:
            raise ValueError(f"decay_fraction must lie in [0, 1], got {decay_fraction}")
        for argument, named in {"reads": reads or {}, "seeds": seeds or {}}.items():
            if unknown := named.keys() - saes.keys():
                raise ValueError(f"{argument} names {sorted(unknown)}, but the SAEs are {sorted(saes)}")
        self.lr, self.betas, self.decay_fraction = lr, betas, decay_fraction
        self.reads = {name: _stream_of(name, reads or {}, streams) for name in saes}
        self.saes = nn.ModuleDict()
        for name, make in saes.items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed((seeds or {}).get(name, zlib.crc32(name.encode())))
                self.saes[name] = make(streams[self.reads[name]])
        self.fvu = nn.ModuleDict({n: FractionVarianceUnexplained(s.d_in) for n, s in self.saes.items()})
        self.firing = nn.ModuleDict({n: FiringFrequency(s.d_sae) for n, s in self.saes.items()})

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Float[Tensor, "batch d_in"]]:
        """Reconstructions by SAE."""
        return {name: sae(batch[self.reads[name]]) for name, sae in self.saes.items()}

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Sum of the SAEs' losses; no SAE's gradient depends on another's."""
        outputs = self._losses(batch)
        every = self.trainer.log_every_n_steps
        if every and (self.global_step + 1) % every == 0:  # the steps at which Lightning writes
            for name, output in outputs.items():
                logged = {
                    "loss": output.loss,
                    **output.terms,
                    "l0": (output.latents > 0).sum(1).float().mean(),
                }
                self.log_dict({f"train/{name}/{key}": value.detach() for key, value in logged.items()})
        return torch.stack([output.loss for output in outputs.values()]).sum()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Latents by SAE, for callbacks to compare."""
        outputs = self._losses(batch)
        for name, output in outputs.items():
            x = batch[self.reads[name]]
            self.fvu[name].update(x, output.x_hat)
            self.firing[name].update(output.latents)
            logged = {"loss": output.loss, **output.terms}
            self.log_dict(
                {f"{name}/{key}": value for key, value in logged.items()}, batch_size=len(x), sync_dist=True
            )
        return {name: output.latents for name, output in outputs.items()}

    def on_validation_epoch_end(self) -> None:
        """Log what needs all validation rows at once."""
        for name in self.saes:
            frequency = self.firing[name].compute()
            logged = {
                "l0": frequency.sum(),
                "dead": (frequency == 0).double().mean(),
                "fvu": self.fvu[name].compute(),
            }
            # The metrics have reduced over ranks already; sync_dist only tells Lightning so.
            values = {f"{name}/{key}": value.float() for key, value in logged.items()}
            self.log_dict(values, sync_dist=True)
            self.firing[name].reset()
            self.fvu[name].reset()

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """The validation step."""
        return self.validation_step(batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        """See :meth:`on_validation_epoch_end`."""
        self.on_validation_epoch_end()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the weights of other SAEs.

        Raises:
            ValueError: Names or widths differ.
        """
        saved = {name: tuple(weight.shape) for name, weight in checkpoint["state_dict"].items()}
        own = {name: tuple(weight.shape) for name, weight in self.state_dict().items()}
        for name in sorted(saved.keys() | own.keys()):
            here, there = own.get(name, "missing"), saved.get(name, "missing")
            if here != there:
                raise ValueError(f"{name} is {here} in the configuration and {there} in the checkpoint")

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam at a constant rate that falls linearly to 0 over the last ``decay_fraction`` of the steps."""
        # With a gradient scaler, fused Adam unscales only after the clipping.
        fused = self.trainer.precision != "16-mixed"
        optimizer = torch.optim.Adam(self.saes.parameters(), lr=self.lr, betas=self.betas, fused=fused)
        total = self.trainer.estimated_stepping_batches
        if math.isinf(total) and self.decay_fraction:
            raise ValueError(
                "the learning rate decays over the run: set max_epochs or max_steps, or no decay"
            )
        decay = max(1.0, self.decay_fraction * total) if self.decay_fraction else 0.0

        def factor(step: int) -> float:
            return min(1.0, max(0.0, (total - step) / decay)) if decay else 1.0

        scheduler = LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip each SAE's gradient norm by itself: a joint norm would couple them.

        Raises:
            ValueError: Clipping by value is asked for.
        """
        if gradient_clip_algorithm not in (None, "norm"):
            raise ValueError(f"SAECohort clips by norm, not by {gradient_clip_algorithm!r}")
        if gradient_clip_val:
            for sae in self.saes.values():
                nn.utils.clip_grad_norm_(sae.parameters(), gradient_clip_val)

    def _losses(self, batch: dict[str, Tensor]) -> dict[str, SAEOutput]:
        return {name: sae.loss(batch[self.reads[name]]) for name, sae in self.saes.items()}


def _stream_of(sae: str, reads: dict[str, str], streams: dict[str, int]) -> str:
    stream = reads.get(sae, sae if sae in streams else next(iter(streams)) if len(streams) == 1 else None)
    if stream not in streams:
        said = f"reads stream {stream!r}" if stream else "is not told which stream it reads"
        raise ValueError(f"SAE {sae!r} {said}; the data have {', '.join(map(repr, streams))}")
    return stream
