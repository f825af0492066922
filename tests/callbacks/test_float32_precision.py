"""Training steps on accelerators multiply faster, and nothing else does."""

from functools import partialmethod
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import CSVLogger

from saesim_pl.callbacks import Float32Precision
from saesim_pl.saes import StandardSAE
from saesim_pl.training import SAECohort
from tests.data.stretched import StretchedActivations

WHEN = ("step", "validation", "after")


class Look(Callback):
    """The precision in training steps, in comparisons, and in callbacks after a step."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {when: set() for when in WHEN}

    def on_before_backward(self, *_) -> None:
        self.seen["step"].add(torch.get_float32_matmul_precision())

    def on_validation_epoch_end(self, *_) -> None:
        self.seen["validation"].add(torch.get_float32_matmul_precision())

    def on_train_batch_end(self, *_) -> None:
        self.seen["after"].add(torch.get_float32_matmul_precision())


def fit(tmp_path: Path, precision: str) -> Look:
    data, look = StretchedActivations(), Look()
    model = SAECohort({"a": lambda d_in: StandardSAE(d_in, 8)}, data.streams)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=8,
        max_epochs=1,
        val_check_interval=4,
        logger=CSVLogger(tmp_path),
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Float32Precision(precision), look],
    )
    trainer.fit(model, datamodule=data)
    return look


def logged(tmp_path: Path) -> str:
    [file] = tmp_path.glob("**/hparams.yaml")
    return file.read_text()


def test_on_a_cpu_all_is_at_the_highest(tmp_path: Path) -> None:
    assert fit(tmp_path, "medium").seen == {when: {"highest"} for when in WHEN}
    assert "float32_matmul_precision: highest" in logged(tmp_path)


def _with_module(callback, hook, module, trainer, _, *more) -> None:
    hook(callback, trainer, module, *more)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_on_an_accelerator_only_steps_are_faster(tmp_path: Path, monkeypatch, precision: str) -> None:
    # The callback asks the module where it is, and nothing else does.
    elsewhere = SimpleNamespace(device=torch.device("meta"))
    for hook in ("on_fit_start", "on_train_batch_start"):
        plain = getattr(Float32Precision, hook)
        monkeypatch.setattr(Float32Precision, hook, partialmethod(_with_module, plain, elsewhere))
    try:
        seen = fit(tmp_path, precision).seen
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == {"step": {precision}, "validation": {"highest"}, "after": {"highest"}}
    assert f"float32_matmul_precision: {precision}" in logged(tmp_path)


def test_after_an_error_all_is_at_the_highest() -> None:
    torch.set_float32_matmul_precision("high")
    Float32Precision().on_exception(None, None, RuntimeError())
    assert torch.get_float32_matmul_precision() == "highest"


def test_unknown_precisions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"precision must be one of .*, got 'tf32'"):
        Float32Precision("tf32")
