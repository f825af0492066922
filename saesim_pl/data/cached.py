"""Activations of a language model, read from disk."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from saesim_pl.data.batches import ActivationDataModule, Batch, Stage
from saesim_pl.data.manifest import Manifest
from saesim_pl.data.normalization import NormalizationMode
from saesim_pl.data.shard_reader import ShardReader

BLOCK_CONTEXTS = 256
"""Number of contexts shuffled together, which limits the contexts that a batch reads from disk."""


class CachedActivations(ActivationDataModule):
    """Serves tokens of a cache written by ``saesim predict``, from several hooks at once.

    Each pass over the training tokens has a new order: contexts are shuffled, then the tokens within each
    block of 256 contexts. An epoch continues where the one before ended. So for every ``samples_per_epoch``
    all tokens are used once before any is used again. Validation uses whole contexts that training never
    sees, because neighboring tokens have similar activations. ``saesim predict`` gets all contexts, in the
    order of the cache.

    Args:
        folder: Folder with the manifest.
        hooks: Hook by stream name; by default each cached hook under its own name.
        batch_size: Tokens per optimizer step, over all processes.
        samples_per_epoch: Training tokens per epoch; by default all of them.
        validation_fraction: Share of contexts used for validation only.
        skip_positions: Number of positions to skip at the start of each context. The first position is an
            attention sink. Its activations have another size and are similar in every context, and an SAE
            would spend latents on them.
        normalize: ``mean_norm`` scales each stream by one number such that the mean norm of rows is
            sqrt(d_in): L1 coefficients and learning rates then mean the same at every hook. ``row_norm``
            gives each row the norm sqrt(d_in), ``standardise`` each dimension mean 0 and standard deviation
            1, and ``none`` serves raw activations.
        seed: Seed of the held-out contexts and of the order.
        num_workers: Processes that prepare batches ahead.

    Raises:
        FileNotFoundError: The folder has no manifest, or a shard is missing.
        ValueError: A hook is not in the cache, a shard is damaged, or too little is left to train on.
    """

    aligned = True
    predict_stage: Stage = "predict"

    def __init__(
        self,
        folder: str,
        hooks: dict[str, str] | None = None,
        batch_size: int = 1024,
        samples_per_epoch: int | None = None,
        validation_fraction: float = 0.1,
        skip_positions: int = 1,
        normalize: NormalizationMode = "mean_norm",
        seed: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__(batch_size, num_workers, normalize)
        self.manifest = Manifest.read(Path(folder))
        self.hooks = {hook: hook for hook in self.manifest.hooks} if hooks is None else dict(hooks)
        self._check_hooks(folder)
        self.skip_positions, self.seed = skip_positions, seed
        self.n_positions = self.manifest.context_size - skip_positions
        if skip_positions < 0 or self.n_positions < 1:
            raise ValueError(f"skip_positions is {skip_positions} of {self.manifest.context_size} positions")
        self.document_rows = self.n_positions  # validation serves whole contexts one after the other
        self.train_contexts, self.validation_contexts = self._split(validation_fraction)
        self.n_train = len(self.train_contexts) * self.n_positions
        self.samples_per_epoch = self.n_train if samples_per_epoch is None else samples_per_epoch
        if self.samples_per_epoch < batch_size:
            raise ValueError(f"an epoch of {self.samples_per_epoch} tokens has no batch of {batch_size}")
        self.reader = ShardReader(Path(folder), self.manifest, sorted(set(self.hooks.values())))

    @property
    def streams(self) -> dict[str, int]:
        """Width ``d_in`` of each stream, from the manifest."""
        return {stream: self.manifest.hooks[hook] for stream, hook in self.hooks.items()}

    def n_samples(self, stage: Stage) -> int:
        """Tokens of one epoch over all processes."""
        if stage == "train":
            return self.samples_per_epoch
        return len(self._in_order(stage)) * self.n_positions

    def rows(self, stage: Stage, epoch: int, index: int, rows: slice) -> Batch:
        """Raw rows ``rows`` of global batch ``index``."""
        tokens = self.tokens(stage, epoch, index, rows)
        return {stream: torch.from_numpy(self.reader.rows(h, *tokens)) for stream, h in self.hooks.items()}

    def tokens(self, stage: Stage, epoch: int, index: int, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Context in the cache, and position in it, of each of these rows."""
        start = index * self.batch_size + rows.start
        stop = index * self.batch_size + rows.stop
        if stage == "train":
            done = epoch * self.samples_per_epoch
            flat, contexts = self._shuffled(done + start, done + stop), self.train_contexts
        else:
            flat, contexts = np.arange(start, stop), self._in_order(stage)
        return contexts[flat // self.n_positions], self.skip_positions + flat % self.n_positions

    def _in_order(self, stage: Stage) -> np.ndarray:
        return self.validation_contexts if stage == "validate" else np.arange(self.manifest.n_contexts)

    def _check_hooks(self, folder: str) -> None:
        if not self.hooks:
            raise ValueError(f"hooks is empty; {folder} has {sorted(self.manifest.hooks)}")
        for stream, hook in self.hooks.items():
            if hook not in self.manifest.hooks:
                have = sorted(self.manifest.hooks)
                raise ValueError(f"stream {stream!r}: {folder} has no hook {hook!r}, only {have}")

    def _split(self, validation_fraction: float) -> tuple[np.ndarray, np.ndarray]:
        n_contexts = self.manifest.n_contexts
        n_validation = round(validation_fraction * n_contexts)
        if not 0 < n_validation < n_contexts:
            raise ValueError(
                f"validation_fraction {validation_fraction} holds {n_validation} of {n_contexts} contexts out"
            )
        order = np.random.default_rng([self.seed, 0]).permutation(n_contexts)
        return np.sort(order[n_validation:]), np.sort(order[:n_validation])

    def _shuffled(self, start: int, stop: int) -> np.ndarray:
        pieces = [np.empty(0, dtype=np.int64)]
        while start < stop:
            epoch, offset = divmod(start, self.n_train)
            block, within = divmod(offset, BLOCK_CONTEXTS * self.n_positions)
            order = _block_order(self.seed, epoch, block, len(self.train_contexts), self.n_positions)
            pieces.append(order[within : within + stop - start])
            start += len(pieces[-1])
        return np.concatenate(pieces)


@lru_cache(maxsize=4)
def _context_order(seed: int, epoch: int, n_contexts: int) -> np.ndarray:
    return np.random.default_rng([seed, 1, epoch]).permutation(n_contexts)


@lru_cache(maxsize=4)
def _block_order(seed: int, epoch: int, block: int, n_contexts: int, n_positions: int) -> np.ndarray:
    contexts = _context_order(seed, epoch, n_contexts)[block * BLOCK_CONTEXTS : (block + 1) * BLOCK_CONTEXTS]
    tokens = contexts[:, None] * n_positions + np.arange(n_positions)
    return np.random.default_rng([seed, 2, epoch, block]).permutation(tokens.ravel())
