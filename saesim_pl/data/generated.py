"""Batches drawn from known features."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.data.batches import ActivationDataModule, Batch, Stage
from saesim_pl.data.normalization import NormalizationMode
from saesim_pl.truth.firing_sampler import FiringSampler
from saesim_pl.truth.firings import Firings

# Rows drawn from one generator state at most: a rank that trains on part of a batch draws little else of it.
CHUNK = 1024
# First words of the seeds, so that no two kinds of draw share a generator state.
_SALT = {"train": 0, "validate": 1}


class GeneratedActivations(ActivationDataModule):
    """Sums of firing features' directions, plus a bias and noise; what fired can be asked for as well.

    Args:
        tables: By stream, the direction of every feature id.
        samplers: Draw what fires, each for the streams that see its draw, in the order of ``tables``.
        biases: By stream, what is added to every sample; None for nothing.
        noise_std: Standard deviation of normal noise in each dimension.
        samples_per_epoch: Training samples of one epoch.
        validation_samples: Validation samples, the same at every validation.
        batch_size: Samples per optimiser step, over all processes.
        seed: Decides every batch.
        num_workers: Processes that prepare batches ahead.
        normalize: See :class:`~saesim_pl.data.ActivationDataModule`.

    Raises:
        ValueError: A number out of range.
    """

    def __init__(
        self,
        tables: dict[str, Float[Tensor, "n_features d_in"]],
        samplers: list[FiringSampler],
        biases: dict[str, Float[Tensor, " d_in"] | None],
        noise_std: float,
        samples_per_epoch: int,
        validation_samples: int,
        batch_size: int,
        seed: int,
        num_workers: int,
        normalize: NormalizationMode,
    ) -> None:
        super().__init__(batch_size, num_workers, normalize)
        if samples_per_epoch < batch_size:
            raise ValueError(f"samples_per_epoch={samples_per_epoch} gives no batch of {batch_size}")
        if validation_samples < 1:
            raise ValueError(f"validation_samples must be at least 1, got {validation_samples}")
        if noise_std < 0:
            raise ValueError(f"noise_std must not be negative, got {noise_std}")
        self._tables, self._samplers, self._biases = tables, samplers, biases
        self.noise_std, self.seed = noise_std, seed
        self._chunk = min(CHUNK, batch_size)
        self._samples = {"train": samples_per_epoch, "validate": validation_samples}

    @property
    def streams(self) -> dict[str, int]:
        """Width ``d_in`` of each stream."""
        return {name: table.shape[1] for name, table in self._tables.items()}

    def n_samples(self, stage: Stage) -> int:
        """Rows of one epoch over all processes."""
        return self._samples[stage]

    def rows(self, stage: Stage, epoch: int, index: int, rows: slice) -> Batch:
        """Raw rows ``rows`` of global batch ``index``."""
        batch = {}
        for stream, (name, fired) in enumerate(self.firings(stage, epoch, index, rows).items()):
            batch[name] = fired.sum_rows(self._tables[name])
            if (bias := self._biases[name]) is not None:
                batch[name] += bias
            if self.noise_std:
                batch[name] += self._noise((_SALT[stage], epoch, index, stream), rows, batch[name].shape[1])
        return batch

    def firings(self, stage: Stage, epoch: int, index: int, rows: slice) -> dict[str, Firings]:
        """What fired in these rows, by id: drawn in chunks that each have their own seed."""
        chunks = [self._draw(stage, epoch, index, chunk) for chunk in self._chunks(rows)]
        first = rows.start % self._chunk
        inside = slice(first, first + rows.stop - rows.start)
        return {
            name: Firings.concatenate(firings).samples(inside)
            for name, *firings in zip(self._tables, *chunks, strict=True)
        }

    def _draw(self, stage: Stage, epoch: int, index: int, chunk: int) -> list[Firings]:
        key = (self.seed, _SALT[stage], epoch, index, chunk)
        draws = [
            sampler.draw(self._chunk, np.random.default_rng((*key, draw)))
            for draw, sampler in enumerate(self._samplers)
        ]
        return [firings for draw in draws for firings in draw]

    def _noise(self, key: tuple[int, ...], rows: slice, d_in: int) -> Float[Tensor, "n d_in"]:
        chunks = []
        for chunk in self._chunks(rows):
            # One word more than the key of what fires: never the same state.
            seed = np.random.SeedSequence((self.seed, *key, chunk, 0)).generate_state(1, np.uint64)[0]
            generator = torch.Generator().manual_seed(int(seed >> np.uint64(1)))
            chunks.append(torch.randn(self._chunk, d_in, generator=generator))
        first = rows.start % self._chunk
        return self.noise_std * torch.cat(chunks)[first : first + rows.stop - rows.start]

    def _chunks(self, rows: slice) -> range:
        return range(rows.start // self._chunk, math.ceil(rows.stop / self._chunk))
