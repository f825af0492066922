from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils._python_dispatch import TorchDispatchMode

from saesim_pl.callbacks import CompareByCorrelation, LastCheckpoint, UnitNormDecoder
from saesim_pl.data import SyntheticActivations
from saesim_pl.saes import BatchTopKSAE, StandardSAE
from saesim_pl.training import SAECohort
from saesim_pl.training.finite_losses import FiniteLosses
from saesim_pl.training.not_finite import NotFiniteError

LENGTH, ROWS = 20, 32  # batches of an epoch, rows of a batch


class Spoilt(SyntheticActivations):
    """Row 5 of one batch of stream ``b`` is not what it should be."""

    def __init__(self, stage: str, epoch: int, index: int, value: float) -> None:
        super().__init__(
            d_in=8,
            n_features=12,
            mean_active=2.0,
            stream_names=["a", "b"],
            aligned=True,
            samples_per_epoch=LENGTH * ROWS,
            validation_samples=4 * ROWS - 3,
            batch_size=ROWS,
        )
        self.spoilt, self.value = (stage, epoch, index), value

    def rows(self, stage: Any, epoch: int, index: int, rows: slice) -> dict[str, torch.Tensor]:
        made = super().rows(stage, epoch, index, rows)
        if (stage, epoch, index) == self.spoilt and rows.start <= 5 < rows.stop:
            made["b"][5 - rows.start, 2] = self.value
        return made


def fit(data: Spoilt, *callbacks: Callback, folder: Path, **settings: Any) -> tuple[SAECohort, Trainer]:
    saes = {"a": lambda d_in: StandardSAE(d_in, 16), "b": lambda d_in: BatchTopKSAE(d_in, 16, k=3)}
    model = SAECohort(saes, data.streams)
    quiet: dict[str, Any] = {
        "accelerator": "cpu",
        "max_epochs": 2,
        "log_every_n_steps": 0,
        "num_sanity_val_steps": 0,
        "logger": False,
        "enable_checkpointing": any("Checkpoint" in type(callback).__name__ for callback in callbacks),
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": folder,
        "gradient_clip_val": 1.0,
    }
    trainer = Trainer(callbacks=list(callbacks), **quiet | settings)
    trainer.fit(model, datamodule=data)
    return model, trainer


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on an accelerator, nobody looks at a loss before it costs nothing to wait for it."""
    monkeypatch.setattr(FiniteLosses, "is_free", False)


class Weights(Callback):
    """Keeps the weights after each step."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        self.seen.append(pl_module.saes["b"].W_dec.detach().clone())


NAN_SEEN = "stream 'b' has NaN or infinity in 1 of 32 rows of batch {} of epoch {}, first in row 5"


@pytest.mark.parametrize(("epoch", "index"), [(0, 8), (1, 19), (1, 0)])
@pytest.mark.parametrize(
    "settings",
    [{"log_every_n_steps": 50}, {"log_every_n_steps": 0}, {"limit_val_batches": 0}],
    ids=["seldom", "never", "no validation"],
)
@pytest.mark.usefixtures("accelerator")
def test_an_accelerator_ends_with_the_batch_that_was_not_finite(
    epoch: int, index: int, settings: dict, tmp_path: Path
) -> None:
    weights, data = Weights(), Spoilt("train", epoch, index, float("nan"))
    with pytest.raises(NotFiniteError, match=NAN_SEEN.format(index, epoch)):
        fit(data, weights, folder=tmp_path, **settings)
    bad = epoch * LENGTH + index
    assert not torch.equal(weights.seen[bad - 2], weights.seen[bad - 1])
    assert all(torch.equal(weights.seen[bad - 1], later) for later in weights.seen[bad:])


@pytest.mark.parametrize("callback", [LastCheckpoint(15), ModelCheckpoint(every_n_train_steps=15)])
@pytest.mark.usefixtures("accelerator")
def test_no_checkpoint_is_written_after_it(callback: Callback, tmp_path: Path) -> None:
    data = Spoilt("train", 0, 11, float("inf"))
    with pytest.raises(NotFiniteError, match=NAN_SEEN.format(11, 0)):
        fit(data, callback, folder=tmp_path)
    assert list(tmp_path.rglob("*.ckpt")) == []


@pytest.mark.usefixtures("accelerator")
def test_a_loss_that_overflows_names_its_batch(tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError, match="a loss is not finite in batch 3 of epoch 0: lower lr, or the"):
        fit(Spoilt("train", 0, 3, 1e30), folder=tmp_path)


@pytest.mark.parametrize(("value", "seen"), [(float("nan"), True), (float("-inf"), True), (1e30, False)])
@pytest.mark.parametrize("index", [0, 2, 3])
@pytest.mark.parametrize("device", ["cpu", "accelerator"])
def test_held_out_rows_are_refused_too(
    value: float, seen: bool, index: int, device: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if device == "accelerator":
        request.getfixturevalue("accelerator")
    size = ROWS if index < 3 else ROWS - 3
    told = f"stream 'b' has NaN or infinity in 1 of {size} rows of held-out batch {index}, first in row 5"
    overflow = f"a loss is not finite in held-out batch {index}: lower lr, or the activations' scale"
    with pytest.raises(NotFiniteError, match=told if seen else overflow):
        fit(Spoilt("validate", 0, index, value), CompareByCorrelation(), folder=tmp_path)


class Waits(TorchDispatchMode):
    """Counts what an accelerator would have to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        names = "_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "_unique2"
        self.count += func.name().split("::")[1].split(".")[0] in names
        return func(*args, **kwargs or {})


@pytest.mark.usefixtures("accelerator")
def test_training_steps_wait_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, step = Waits(), SAECohort.training_step

    def watched(*args: Any) -> Any:
        with waits:
            return step(*args)

    monkeypatch.setattr(SAECohort, "training_step", watched)
    fit(Spoilt("train", 9, 9, 0.0), UnitNormDecoder(), folder=tmp_path, max_steps=20, max_epochs=None)
    assert waits.count == 0


def test_the_count_of_waits_sees_one() -> None:
    with Waits() as waits:
        float(torch.ones(2).sum())
        torch.ones(3).nonzero()
    assert waits.count == 2
