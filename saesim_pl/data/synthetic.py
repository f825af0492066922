"""Synthetic activations whose true features are known."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.data.batches import ActivationDataModule, Batch, Stage
from saesim_pl.data.firing import Firings, FiringSampler, MagnitudeLaw, draw_magnitudes
from saesim_pl.data.true_features import TrueFeatures

# Rows drawn from one generator state: a rank that trains on part of a batch draws no other part of it.
CHUNK = 1024


class SyntheticActivations(ActivationDataModule):
    """Sums of a few independent random unit directions, in one stream or in several that share some.

    The first stream has ``n_features`` directions drawn uniformly from the sphere; every later one keeps
    ``shared_fraction`` of them, has new ones for the rest, and lists all in an order of its own. Features
    fire independently of each other, at rates that fall linearly from 1.5 to 0.5 times their mean, dealt
    out anew in each stream: a shared feature fires at another frequency there. Toy model of Sharkey et
    al. (2022), "Taking features out of superposition with sparse autoencoders", without its correlations.

    Args:
        d_in: Width of the activations.
        n_features: True features of each stream.
        mean_active: Mean number of features that fire in a sample.
        magnitude: Law of a firing feature's magnitude, scaled to mean square 1.
        stream_names: One name a stream.
        shared_fraction: Share of the first stream's features that each later stream has too.
        aligned: Whether row i of all streams is one draw, in which shared features fire together as far
            as their rates allow and with one magnitude; else streams are independent.
        samples_per_epoch: Training samples of one epoch.
        validation_samples: Validation samples, the same at every validation.
        batch_size: Samples per optimiser step, over all processes.
        seed: Decides directions, rates and every batch.
        num_workers: Processes that prepare batches ahead; 0 prepares them in the training process.

    Raises:
        ValueError: A parameter out of range.
    """

    same_space = True

    def __init__(
        self,
        d_in: int = 256,
        n_features: int = 512,
        mean_active: float = 5.0,
        magnitude: MagnitudeLaw = "uniform",
        stream_names: list[str] | None = None,
        shared_fraction: float = 0.5,
        aligned: bool = False,
        samples_per_epoch: int = 100_000,
        validation_samples: int = 10_000,
        batch_size: int = 1024,
        seed: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__(batch_size, num_workers)
        names = stream_names or ["a", "b"]
        counts = {"d_in": d_in, "n_features": n_features, "validation_samples": validation_samples}
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        if samples_per_epoch < batch_size:
            raise ValueError(f"samples_per_epoch={samples_per_epoch} gives no batch of {batch_size}")
        if not 0 <= shared_fraction <= 1:
            raise ValueError(f"shared_fraction must lie in [0, 1], got {shared_fraction}")
        if 0 < shared_fraction * n_features < 0.5:
            raise ValueError(f"shared_fraction={shared_fraction} of {n_features} features shares none")
        if not 0 < 1.5 * mean_active < n_features:
            raise ValueError(
                f"mean_active={mean_active} gives rates outside (0, 1) over {n_features} features"
            )
        if len(set(names)) < len(names):
            raise ValueError(f"stream_names must differ, got {names}")
        draw_magnitudes(magnitude, 0, np.random.default_rng(0))
        self.aligned, self.seed = aligned, seed
        self._samples = {"train": samples_per_epoch, "validate": validation_samples}
        n_shared = round(shared_fraction * n_features)
        ids = _deal_ids(len(names), n_features, n_shared, seed)
        self._directions = _draw_directions(1 + max(map(max, ids)), d_in, seed)
        self.true_features = {
            n: TrueFeatures(self._directions[i], i) for n, i in zip(names, ids, strict=True)
        }
        rates = [_draw_rates(i, len(self._directions), mean_active, (seed, s)) for s, i in enumerate(ids)]
        together = [np.stack(rates)] if aligned else [rate[None] for rate in rates]
        self._samplers = [FiringSampler(rate, magnitude) for rate in together]
        self.firing_rates = {
            name: torch.from_numpy(rate)[features.ids]
            for (name, features), rate in zip(self.true_features.items(), rates, strict=True)
        }

    @property
    def streams(self) -> dict[str, int]:
        """Width ``d_in`` of each stream."""
        return dict.fromkeys(self.true_features, self._directions.shape[1])

    def n_samples(self, stage: Stage) -> int:
        """Rows of one epoch over all processes."""
        return self._samples[stage]

    def rows(self, stage: Stage, epoch: int, index: int, rows: slice) -> Batch:
        """Rows ``rows`` of global batch ``index``."""
        firings = self.firings(stage, epoch, index, rows)
        return {name: fired.sum_rows(self._directions) for name, fired in firings.items()}

    def firings(self, stage: Stage, epoch: int, index: int, rows: slice) -> dict[str, Firings]:
        """What fired in these rows, by global id: drawn in chunks that each have their own seed."""
        first, last = rows.start // CHUNK, math.ceil(rows.stop / CHUNK)
        chunks = [self._draw(stage, epoch, index, chunk) for chunk in range(first, last)]
        inside = slice(rows.start - first * CHUNK, rows.stop - first * CHUNK)
        return {
            name: Firings.concatenate(firings).samples(inside)
            for name, *firings in zip(self.true_features, *chunks, strict=True)
        }

    def _draw(self, stage: Stage, epoch: int, index: int, chunk: int) -> list[Firings]:
        key = (self.seed, _SALT[stage], epoch, index, chunk)
        draws = [
            sampler.draw(CHUNK, np.random.default_rng((*key, draw)))
            for draw, sampler in enumerate(self._samplers)
        ]
        return [firings for draw in draws for firings in draw]


# First words of the seeds, so that no two kinds of draw share a generator state.
_SALT = {"train": 0, "validate": 1, "ids": 2, "directions": 3, "rates": 4}


def _deal_ids(n_streams: int, n_features: int, n_shared: int, seed: int) -> list[Tensor]:
    """Global ids by stream: the first stream's are 0, 1, ...; later ones keep ``n_shared`` of those."""
    ids = [torch.arange(n_features)]
    for stream in range(1, n_streams):
        rng = np.random.default_rng((seed, _SALT["ids"], stream))
        kept = rng.permutation(n_features)[:n_shared]
        own = n_features + (stream - 1) * (n_features - n_shared) + np.arange(n_features - n_shared)
        ids.append(torch.from_numpy(rng.permutation(np.concatenate([kept, own]))))
    return ids


def _draw_directions(n: int, d_in: int, seed: int) -> Float[Tensor, "n d_in"]:
    rng = np.random.default_rng((seed, _SALT["directions"]))
    return torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((n, d_in), np.float32)), dim=1)


def _draw_rates(ids: Tensor, n: int, mean_active: float, seed: tuple[int, int]) -> Float[np.ndarray, " n"]:
    """Rates by global id, 0 for features the stream lacks."""
    rng = np.random.default_rng((seed[0], _SALT["rates"], seed[1]))
    rates = np.zeros(n)
    rates[ids] = rng.permutation(np.linspace(1.5, 0.5, len(ids))) * mean_active / len(ids)
    return rates
