"""Runs of a few seconds, as ``saesim fit`` leaves them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning.pytorch import Trainer

from saesim_pl.data import SyntheticActivations
from saesim_pl.saes import StandardSAE
from saesim_pl.training import SAECohort

DATA: dict[str, Any] = {
    "d_in": 16,
    "n_features": 24,
    "mean_active": 3.0,
    "samples_per_epoch": 1024,
    "validation_samples": 600,
    "batch_size": 256,
    "stream_names": ["a", "b"],
}

MakeRun = Callable[..., Path]


def save_run(folder: Path, **changes: Any) -> Path:
    """A run of two SAEs, one a stream, on synthetic data."""
    settings = {**DATA, **changes}
    data = SyntheticActivations(**settings)
    saes = {name: partial(StandardSAE, d_sae=40, l1_coefficient=0.1) for name in data.streams}
    cohort = SAECohort(saes, data.streams)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(cohort, datamodule=data)
    trainer.save_checkpoint(folder / "checkpoints" / "last.ckpt")
    block = {"class_path": "saesim_pl.data.SyntheticActivations", "init_args": settings}
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": block}))
    for stream, truth in (data.served_features or {}).items():
        truth.save(folder / "true_features" / f"{stream}.safetensors")
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streams of one space, drawn independently."""
    return save_run(tmp_path_factory.mktemp("runs") / "plain")


@pytest.fixture(scope="session")
def rotated_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streams of two spaces over the same samples."""
    return save_run(
        tmp_path_factory.mktemp("runs") / "rotated", aligned=True, rotate=True, normalize="mean_norm"
    )
