"""Writes a language model's activations to disk."""

from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from saesim_pl.data.cache_folder import CacheFolder
from saesim_pl.data.manifest import Manifest, Shard
from saesim_pl.data.shards import TOKEN_IDS, write_shard
from saesim_pl.data.source import text_of
from saesim_pl.language_models import LanguageModelActivations
from saesim_pl.training.interruption import interruptions


class ActivationWriter(BasePredictionWriter):
    """Writes the output of :class:`~saesim_pl.language_models.LanguageModelActivations` to a folder.

    Each process writes its own Arrow shards with one column a hook, ``(context_size, d_in)`` in float32, and
    ``token_ids``: the layout of SAELens's activation caches. ``datasets.load_from_disk(folder)`` reads it,
    and so does :class:`~saesim_pl.data.CachedActivations`, which also asks for the manifest. Rows are in
    the order of the text, however many processes wrote them. On several nodes the folder must be shared.

    A cache that is already there stays whole until the new one is, and one run writes at a time. A run that
    fails, or is ended by SIGTERM or Ctrl-C, removes its files; the next run removes the files of a killed
    one. Predictions are not kept in memory, whatever ``return_predictions`` says.

    Args:
        folder: Where to write; made if needed.
        overwrite: Whether a finished cache that is already there may be replaced.
        shard_mb: Size of a shard in megabytes, which each process also holds in memory.

    Raises:
        FileExistsError: The folder holds a finished cache and ``overwrite`` is off, or other files, or is
            being written.
        TypeError: The model is not a ``LanguageModelActivations``, or the data do not tell its text.
        ValueError: ``shard_mb`` is outside 1 to 4096.
    """

    def __init__(self, folder: str, overwrite: bool = False, shard_mb: int = 128) -> None:
        super().__init__(write_interval="batch")
        if not 1 <= shard_mb <= 4096:
            raise ValueError(f"shard_mb must be between 1 and 4096, got {shard_mb}")
        self.cache = CacheFolder(Path(folder), overwrite)
        self.shard_bytes = shard_mb * 10**6

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse an unusable model, data or folder before the model is loaded."""
        super().setup(trainer, pl_module, stage)
        if not isinstance(pl_module, LanguageModelActivations):
            raise TypeError(
                f"ActivationWriter needs LanguageModelActivations, got {type(pl_module).__name__}"
            )
        text_of(trainer, "ActivationWriter")
        self.cache.look()

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the folder for this run.

        Raises:
            FileExistsError: Another run was faster.
        """
        trainer.predict_loop.return_predictions = False
        self._waiting: list[dict[str, Tensor]] = []
        self._waiting_bytes = 0
        self._shards: list[Shard] = []
        self._widths: dict[str, int] = {}
        word = trainer.strategy.broadcast(uuid4().hex[:8])
        refused = ""
        if trainer.is_global_zero:
            try:
                self.cache.begin(word)
            except FileExistsError as error:
                refused = str(error)
        if refused := trainer.strategy.broadcast(refused):
            raise FileExistsError(refused)
        self.cache.join(word)
        interruptions.done = f"no new cache was made in {self.cache.folder}, and an old one is as it was"

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: dict[str, Tensor],
        batch_indices: Any,
        batch: dict[str, Tensor],
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Keep the batch until it fills a shard.

        Raises:
            ValueError: The batch has contexts of another length than the data say.
        """
        context_size = text_of(trainer, "ActivationWriter").context_size
        if (seen := batch["token_ids"].shape[1]) != context_size:
            raise ValueError(f"batch {batch_idx} has contexts of {seen} tokens, the data say {context_size}")
        rows = {"context_index": batch["context_index"].cpu()} | {k: v.cpu() for k, v in prediction.items()}
        n_bytes = sum(column.nbytes for column in rows.values())
        if self._waiting and self._waiting_bytes + n_bytes > self.shard_bytes:
            self._write_shard(trainer.global_rank)
        self._waiting.append(rows)
        self._waiting_bytes += n_bytes

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the last shard and, when every process has, the manifest."""
        if self._waiting:
            self._write_shard(trainer.global_rank)
        by_rank = [self._shards] * trainer.world_size
        if trainer.world_size > 1:
            torch.distributed.all_gather_object(by_rank, self._shards)
        if trainer.is_global_zero:
            source, shards = text_of(trainer, "ActivationWriter"), tuple(s for own in by_rank for s in own)
            told = (
                cast(LanguageModelActivations, pl_module).model,
                source.text,
                source.context_size,
                self._widths,
            )
            self.cache.finish(Manifest(*told, shards))
            interruptions.done = f"the cache in {self.cache.folder} is whole"
        trainer.strategy.barrier("activation_writer.end")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remove the files written so far."""
        self.cache.abandon()

    def _write_shard(self, rank: int) -> None:
        columns = {name: torch.cat([rows[name] for rows in self._waiting]) for name in self._waiting[0]}
        self._waiting, self._waiting_bytes = [], 0
        first = int(columns.pop("context_index")[0])
        token_ids = columns.pop(TOKEN_IDS).numpy()
        self._widths = {hook: rows.shape[2] for hook, rows in columns.items()}
        path = self.cache.shard(rank, len(self._shards))
        told = write_shard(path, token_ids, {hook: rows.numpy() for hook, rows in columns.items()})
        self._shards.append(Shard(path.name, rank, first, len(token_ids), *told))
