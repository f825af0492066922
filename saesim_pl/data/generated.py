"""Batches generated from known features."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.checks import check_counts, check_not_negative
from saesim_pl.data.batches import ActivationDataModule, Batch, Stage
from saesim_pl.data.normalization import NormalizationMode
from saesim_pl.truth.firing_sampler import FiringSampler
from saesim_pl.truth.firings import Firings
from saesim_pl.truth.seeds import generator_of, seed_words

# Rows drawn from one generator state. Batches take their rows from such chunks, so that no row depends on
# the batch size. The last chunks are kept, so that small batches need not draw them again.
CHUNK = 1024
_KEPT = 8


class GeneratedActivations(ActivationDataModule):
    """Sums of the directions of firing features, plus bias and noise; ``firings`` gives the features.

    Args:
        tables: By stream, the direction of every feature id.
        samplers: Samplers of firings. Each serves one or more streams that share its draw, in the order of
            ``tables``.
        biases: Vector added to every sample, by stream; None for no bias.
        noise_std: Standard deviation of normal noise in each dimension.
        samples_per_epoch: Training samples of one epoch.
        validation_samples: Validation samples, the same at every validation.
        batch_size: Samples per optimizer step, over all processes.
        seed: Seed of all batches.
        num_workers: Processes that prepare batches ahead.
        normalize: See :class:`~saesim_pl.data.ActivationDataModule`.

    Raises:
        ValueError: A number out of range.
    """

    document_rows = 1
    knows_firings = True

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
        check_counts(validation_samples=validation_samples)
        check_not_negative(noise_std=noise_std, seed=seed)
        self._tables, self._samplers, self._biases = tables, samplers, biases
        self.noise_std, self.seed = noise_std, seed
        self._kept: dict[tuple[Stage, int, int], list[Firings]] = {}
        self._samples: dict[Stage, int] = {
            "train": samples_per_epoch,
            "validate": validation_samples,
            "predict": validation_samples,
        }

    @property
    def streams(self) -> dict[str, int]:
        """Width ``d_in`` of each stream."""
        return {name: table.shape[1] for name, table in self._tables.items()}

    def n_samples(self, stage: Stage) -> int:
        """Rows of one epoch over all processes."""
        return self._samples[stage]

    def rows(self, stage: Stage, epoch: int, index: int, rows: slice) -> Batch:
        """Raw rows ``rows`` of global batch ``index``."""
        batch, span = {}, self._span(index, rows)
        for stream, (name, fired) in enumerate(self._firings(stage, epoch, span).items()):
            batch[name] = fired.sum_rows(self._tables[name])
            if (bias := self._biases[name]) is not None:
                batch[name] += bias
            if self.noise_std:
                batch[name] += self._noise(stage, (epoch, stream), span, batch[name].shape[1])
        return batch

    def firings(self, stage: Stage, epoch: int, index: int, rows: slice) -> dict[str, Firings]:
        """By stream, the features that fired in these rows, by id."""
        return self._firings(stage, epoch, self._span(index, rows))

    def _span(self, index: int, rows: slice) -> slice:
        first = index * self.batch_size
        return slice(first + rows.start, first + rows.stop)

    def _firings(self, stage: Stage, epoch: int, span: slice) -> dict[str, Firings]:
        chunks = [self._chunk(stage, epoch, chunk) for chunk in _chunks(span)]
        inside = slice(span.start % CHUNK, span.start % CHUNK + span.stop - span.start)
        return {
            name: Firings.concatenate(firings).samples(inside)
            for name, *firings in zip(self._tables, *chunks, strict=True)
        }

    def _chunk(self, stage: Stage, epoch: int, chunk: int) -> list[Firings]:
        key = stage, epoch, chunk
        if key not in self._kept:
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self._draw(*key)
        return self._kept[key]

    def _draw(self, stage: Stage, epoch: int, chunk: int) -> list[Firings]:
        draws = [
            sampler.draw(CHUNK, generator_of(self.seed, stage, epoch, chunk, draw))
            for draw, sampler in enumerate(self._samplers)
        ]
        return [firings for draw in draws for firings in draw]

    def _noise(self, stage: Stage, key: tuple[int, int], span: slice, d_in: int) -> Float[Tensor, "n d_in"]:
        chunks = []
        for chunk in _chunks(span):
            # One word more than the seed of the firings, so that the states differ. Torch uses 32 bits of it:
            # among some 65,000 chunks, two may have the same noise.
            words = seed_words(self.seed, stage, *key, chunk, 1)
            seed = np.random.SeedSequence(words).generate_state(1, np.uint64)[0]
            generator = torch.Generator().manual_seed(int(seed >> np.uint64(1)))
            chunks.append(torch.randn(CHUNK, d_in, generator=generator))
        first = span.start % CHUNK
        return self.noise_std * torch.cat(chunks)[first : first + span.stop - span.start]


def _chunks(span: slice) -> range:
    return range(span.start // CHUNK, math.ceil(span.stop / CHUNK))
