"""Weights that the SAEs start from."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from saesim_pl.data.source import activations_of
from saesim_pl.training import SAECohort
from saesim_pl.training.cohort_of import cohort_of

from .on_saes import OnSAEs

Centre = Literal["zero", "mean", "geometric_median"]


class Initialise(OnSAEs):
    """Sets norms and ``b_dec`` before the first step, and biases so that the encoder sees ``x - b_dec``.

    The encoder remains the decoder's transpose. A resumed run keeps its weights.

    Args:
        decoder_norm: Norm of each decoder row, and of each encoder column.
        b_dec: Where the decoder starts: 0, the samples' mean, or their geometric median, the point of the
            least mean distance to them, which outliers do not move (Bricken et al., 2023).
        n_samples: Training samples from which the centre is taken.
        saes: Names of the SAEs acted on; by default all.

    Raises:
        ValueError: A number out of range, or an unknown centre.
    """

    def __init__(
        self,
        decoder_norm: float = 1.0,
        b_dec: Centre = "geometric_median",
        n_samples: int = 10_000,
        saes: list[str] | None = None,
    ) -> None:
        super().__init__(saes)
        if decoder_norm <= 0:
            raise ValueError(f"decoder_norm must be positive, got {decoder_norm}")
        if b_dec not in get_args(Centre):
            raise ValueError(f"b_dec must be one of {get_args(Centre)}, got {b_dec!r}")
        if n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, got {n_samples}")
        self.decoder_norm, self.b_dec, self.n_samples = decoder_norm, b_dec, n_samples

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse data that cannot be sampled.

        Raises:
            TypeError: The model is not an ``SAECohort``, or a centre is sought and the data are not of
                ``saesim_pl.data``.
        """
        super().setup(trainer, pl_module, stage)
        if stage == "fit" and self.b_dec != "zero":
            activations_of(trainer, "Initialise")

    @torch.no_grad()
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the weights; every process finds the same ones."""
        if trainer.global_step:
            return
        cohort = cohort_of(pl_module, self)
        samples = self._samples(trainer, cohort) if self.b_dec != "zero" else {}
        for name, sae in self.chosen(cohort).items():
            if self.b_dec == "zero":
                centre = torch.zeros_like(sae.b_dec)
            else:
                x = samples[cohort.reads[name]].to(sae.b_dec)
                centre = x.mean(0) if self.b_dec == "mean" else geometric_median(x)
            sae.start_from(self.decoder_norm, centre)

    def _samples(self, trainer: Trainer, cohort: SAECohort) -> dict[str, Tensor]:
        data = activations_of(trainer, "Initialise")
        n = min(data.n_batches("train"), -(-self.n_samples // data.batch_size))
        batches = [data.batch("train", 0, index) for index in range(n)]
        return {
            stream: torch.cat([batch[stream] for batch in batches])[: self.n_samples]
            for stream in {cohort.reads[name] for name in self.chosen(cohort)}
        }


def geometric_median(
    x: Float[Tensor, "n d_in"], tolerance: float = 1e-6, max_steps: int = 200
) -> Float[Tensor, " d_in"]:
    """The point whose mean distance to the rows of ``x`` is least.

    Weiszfeld's algorithm (1937): means weighted by the inverse distance to the last guess.

    Args:
        x: Samples.
        tolerance: Relative move of the guess below which the iteration ends.
        max_steps: Maximum number of guesses.
    """
    guess = x.mean(0)
    scale = (x - guess).norm(dim=1).mean()
    for _ in range(max_steps):
        weights = 1 / (x - guess).norm(dim=1).clamp_min(1e-6 * scale + torch.finfo(x.dtype).tiny)
        before, guess = guess, weights @ x / weights.sum()
        if (guess - before).norm() <= tolerance * scale:
            break
    return guess
