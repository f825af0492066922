"""Writes the latents of trained SAEs to disk."""

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from saesim_pl.data.source import activations_of
from saesim_pl.training import SAECohort
from saesim_pl.training.cohort_of import cohort_of

from .latent_table import LatentStatistics, latent_batch, latent_schema

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "latents.json"
OWN_FILES = re.compile(r"latents\.json|\w+-(\d{5}|statistics)\.arrow")


class LatentWriter(Callback):
    """Writes the latents of every SAE for ``saesim predict``: those that fire, and statistics of each latent.

    The folder holds for each SAE one Arrow stream a process, ``<sae>-<rank>.arrow``: a line a row of the
    data, with its number ``row``, and the ``indices`` and float32 ``values`` of the latents that fire. The
    rows of :class:`~saesim_pl.data.CachedActivations` are the tokens of the cache in its order. In
    ``<sae>-statistics.arrow`` there is a line a latent: its firing ``frequency``, its ``mean`` over all rows,
    its ``mean_firing`` over those in which it fires (NaN where it never does) and its ``max``.
    ``latents.json`` names the files, rows and SAEs. ``pyarrow.ipc.open_stream(file).read_all()`` reads each.

    All is written into a folder beside and then moved: an interrupted run changes nothing. Predictions are
    not kept in memory, whatever ``return_predictions`` says. On several nodes the folder must be shared.

    Args:
        folder: Where the latents go.
        overwrite: Whether latents that are already there may be replaced.

    Raises:
        FileExistsError: The folder holds latents and ``overwrite`` is off, or other files.
        TypeError: The model is not an ``SAECohort``, or the data are not of ``saesim_pl.data``.
    """

    def __init__(self, folder: str, overwrite: bool = False) -> None:
        self.folder = Path(folder)
        self.overwrite = overwrite
        self._begun = self.folder.with_name(self.folder.name + ".unfinished")
        self._replaced = self.folder.with_name(self.folder.name + ".replaced")
        self._files: dict[str, pa.ipc.RecordBatchStreamWriter] = {}
        self._statistics: dict[str, LatentStatistics] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse an unusable model, data or folder before anything is computed."""
        if stage != "predict":
            return
        cohort_of(pl_module, self)
        activations_of(trainer, "LatentWriter")
        for folder in (self.folder, self._begun, self._replaced):
            present = [path.name for path in folder.iterdir()] if folder.exists() else []
            if foreign := sorted(name for name in present if not OWN_FILES.fullmatch(name)):
                raise FileExistsError(f"{folder} holds other files, such as {foreign[0]}")
        if (self.folder / MANIFEST).exists() and not self.overwrite:
            raise FileExistsError(f"{self.folder} holds latents; set overwrite to replace them")

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open this process's files."""
        import pyarrow as pa

        trainer.predict_loop.return_predictions = False
        if trainer.is_global_zero:
            shutil.rmtree(self._begun, ignore_errors=True)
            self._begun.mkdir(parents=True)
        trainer.strategy.barrier("latent_writer.start")
        for name, sae in cohort_of(pl_module, self).saes.items():
            path = self._begun / f"{name}-{trainer.global_rank:05d}.arrow"
            self._files[name] = pa.ipc.new_stream(str(path), latent_schema())
            self._statistics[name] = LatentStatistics(sae.d_sae, pl_module.device)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: dict[str, Tensor],
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the latents of the batch."""
        data = activations_of(trainer, "LatentWriter")
        share = data.share(data.predict_stage, batch_idx, trainer.global_rank, trainer.world_size)
        for name, latents in outputs.items():
            first = batch_idx * data.batch_size + share.start
            self._files[name].write_batch(latent_batch(latents, first))
            self._statistics[name].update(latents)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the files, add the statistics, and put the folder in its place."""
        for file in self._files.values():
            file.close()
        self._files = {}
        n_rows = 0
        for name, statistics in self._statistics.items():
            statistics.reduce(trainer.world_size)
            n_rows = statistics.n_rows
            if trainer.is_global_zero:
                statistics.write(self._begun / f"{name}-statistics.arrow")
        trainer.strategy.barrier("latent_writer.written")
        if trainer.is_global_zero:
            self._write_manifest(trainer, cohort_of(pl_module, self), n_rows)
            self._put_in_place()
        trainer.strategy.barrier("latent_writer.end")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave no half-written folder."""
        for file in self._files.values():
            file.close()
        if self._files and trainer.is_global_zero:
            shutil.rmtree(self._begun, ignore_errors=True)
        self._files = {}

    def _put_in_place(self) -> None:
        shutil.rmtree(self._replaced, ignore_errors=True)
        if self.folder.exists():
            self.folder.replace(self._replaced)
        self._begun.replace(self.folder)
        shutil.rmtree(self._replaced, ignore_errors=True)

    def _write_manifest(self, trainer: Trainer, cohort: SAECohort, n_rows: int) -> None:
        data = activations_of(trainer, "LatentWriter")
        saes = {
            name: {
                "class": type(sae).__name__,
                "stream": cohort.reads[name],
                "d_sae": sae.d_sae,
                "files": [f"{name}-{rank:05d}.arrow" for rank in range(trainer.world_size)],
                "statistics": f"{name}-statistics.arrow",
            }
            for name, sae in cohort.saes.items()
        }
        about = {"n_rows": n_rows, "stage": data.predict_stage, "document_rows": data.document_rows}
        text = json.dumps({"format": 1, **about, "saes": saes}, indent=2)
        (self._begun / MANIFEST).write_text(text, encoding="utf-8")
