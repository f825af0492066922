"""Writes a language model's activations to disk."""

import json
import re
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from saesim_pl.data.manifest import FILE_NAME, Manifest, Shard, write_whole
from saesim_pl.data.shards import TOKEN_IDS, shard_features, write_shard
from saesim_pl.data.source import text_of
from saesim_pl.language_models import LanguageModelActivations

OWN_FILES = re.compile(r"(shard-\d{5}-\d{5}\.arrow|manifest\.json|state\.json|dataset_info\.json)(\.tmp)?")


class ActivationWriter(BasePredictionWriter):
    """Write what :class:`~saesim_pl.language_models.LanguageModelActivations` yields, one writer a process.

    The folder holds Arrow shards with one column a hook, ``(context_size, d_in)`` in float32, and
    ``token_ids``: the layout of SAELens's activation caches. ``datasets.load_from_disk(folder)`` reads it,
    and so does :class:`~saesim_pl.data.CachedActivations`, which also asks for the manifest. Rows stand in
    the order of the text, however many processes wrote them. On several nodes the folder must be shared.

    The manifest is written last: an interrupted run leaves none, is refused on reading, and is cleared
    away by the next run. Predictions are not kept in memory, whatever ``return_predictions`` says.

    Args:
        folder: Where to write; made if needed.
        overwrite: Whether a finished cache that is already there may be replaced.
        shard_mb: Size of a shard in megabytes, which each process also holds in memory.

    Raises:
        FileExistsError: The folder holds a finished cache and ``overwrite`` is off, or other files.
        TypeError: The model is not a ``LanguageModelActivations``, or the data do not tell its text.
        ValueError: ``shard_mb`` is outside 1 to 4096.
    """

    def __init__(self, folder: str, overwrite: bool = False, shard_mb: int = 128) -> None:
        super().__init__(write_interval="batch")
        if not 1 <= shard_mb <= 4096:
            raise ValueError(f"shard_mb must be between 1 and 4096, got {shard_mb}")
        self.folder = Path(folder)
        self.overwrite = overwrite
        self.shard_bytes = shard_mb * 10**6

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse before the model is loaded what would be refused after."""
        super().setup(trainer, pl_module, stage)
        if not isinstance(pl_module, LanguageModelActivations):
            raise TypeError(
                f"ActivationWriter needs LanguageModelActivations, got {type(pl_module).__name__}"
            )
        text_of(trainer, "ActivationWriter")
        present = [path.name for path in self.folder.iterdir()] if self.folder.exists() else []
        foreign = sorted(name for name in present if not OWN_FILES.fullmatch(name))
        if foreign:
            raise FileExistsError(f"{self.folder} holds other files, such as {foreign[0]}")
        if FILE_NAME in present and not self.overwrite:
            raise FileExistsError(f"{self.folder} holds a finished cache; set overwrite to replace it")

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Clear away what an interrupted or an older run left, its manifest first."""
        trainer.predict_loop.return_predictions = False
        self._waiting: list[dict[str, Tensor]] = []
        self._waiting_bytes = 0
        self._shards: list[Shard] = []
        self._widths: dict[str, int] = {}
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in [self.folder / FILE_NAME, *self.folder.iterdir()]:
                path.unlink(missing_ok=True)
        trainer.strategy.barrier("activation_writer.start")

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
        """Keep the batch until it fills a shard."""
        rows = {"context_index": batch["context_index"].cpu()} | {k: v.cpu() for k, v in prediction.items()}
        n_bytes = sum(column.nbytes for column in rows.values())
        if self._waiting and self._waiting_bytes + n_bytes > self.shard_bytes:
            self._write_shard(trainer.global_rank)
        self._waiting.append(rows)
        self._waiting_bytes += n_bytes

    def on_predict_end(self, trainer: Trainer, pl_module: LanguageModelActivations) -> None:
        """Write the last shard and, when every process has, the manifest."""
        if self._waiting:
            self._write_shard(trainer.global_rank)
        by_rank = [self._shards] * trainer.world_size
        if trainer.world_size > 1:
            torch.distributed.all_gather_object(by_rank, self._shards)
        if trainer.is_global_zero:
            self._write_manifest(trainer, pl_module, [shard for shards in by_rank for shard in shards])
        trainer.strategy.barrier("activation_writer.end")

    def _write_shard(self, rank: int) -> None:
        columns = {name: torch.cat([rows[name] for rows in self._waiting]) for name in self._waiting[0]}
        self._waiting, self._waiting_bytes = [], 0
        first = int(columns.pop("context_index")[0])
        token_ids = columns.pop(TOKEN_IDS).numpy()
        self._widths = {hook: rows.shape[2] for hook, rows in columns.items()}
        path = self.folder / f"shard-{rank:05d}-{len(self._shards):05d}.arrow"
        n_bytes = write_shard(path, token_ids, {hook: rows.numpy() for hook, rows in columns.items()})
        self._shards.append(Shard(path.name, rank, first, len(token_ids), n_bytes))

    def _write_manifest(
        self, trainer: Trainer, pl_module: LanguageModelActivations, shards: list[Shard]
    ) -> None:
        source = text_of(trainer, "ActivationWriter")
        features = shard_features(source.context_size, self._widths)
        state = {
            "_data_files": [{"filename": shard.file} for shard in shards],
            "_fingerprint": None,
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        write_whole(self.folder / "dataset_info.json", json.dumps({"features": features.to_dict()}))
        write_whole(self.folder / "state.json", json.dumps(state))
        manifest = Manifest(pl_module.model, source.text, source.context_size, self._widths, tuple(shards))
        manifest.write(self.folder)
