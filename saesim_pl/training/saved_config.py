"""The configuration that a run keeps beside its results."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from saesim_pl.training.run_folder import run_folder


class SavedConfig(SaveConfigCallback):
    """Writes ``config.yaml`` into the run's folder: whole or not at all."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write it, once."""
        folder = run_folder(trainer)  # asked on every rank
        if folder is None or self.already_saved or not trainer.is_global_zero:
            return
        self.already_saved = True
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{self.config_filename}.part"
        part.write_text(self.parser.dump(self.config, skip_none=False), encoding="utf-8")
        part.replace(folder / self.config_filename)
