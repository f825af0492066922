"""A setting that moves is another graph each time, which is not compiled."""

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from saesim_pl.callbacks import Anneal, SamplePrefixes
from saesim_pl.saes import MatryoshkaSAE, StandardSAE, TopKSAE
from saesim_pl.training import SAECohort
from tests.data.stretched import StretchedActivations

STEPS = 16


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Classes of the SAEs whose compiled loss trains, call by call."""
    calls = []

    def compile_(loss):
        def run(x):
            calls.extend([type(loss.__self__).__name__] if loss.__self__.training else [])
            return loss(x)

        return run

    monkeypatch.setattr(torch, "compile", compile_)
    return calls


def fit(*callbacks: Callback) -> SAECohort:
    data = StretchedActivations(normalize="mean_norm")
    makers = {
        "top": lambda d_in: TopKSAE(d_in, 16, k=2),
        "nested": lambda d_in: MatryoshkaSAE(d_in, 16, k=2),
        "still": lambda d_in: StandardSAE(d_in, 16),
    }
    model = SAECohort(makers, data.streams, dict.fromkeys(makers, "a"), compile=True)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = Trainer(
        accelerator="cpu",
        max_steps=STEPS,
        max_epochs=1,
        limit_val_batches=1,
        enable_model_summary=False,
        callbacks=list(callbacks),
        **quiet,
    )
    trainer.fit(model, datamodule=data)
    assert not model.moving
    return model


def test_saes_are_compiled_from_where_their_setting_stands(compiled: list[str]) -> None:
    short = Anneal("k", 8, fraction=0.25, saes=["top"])
    fit(short, Anneal("l1_coefficient", 0.0, fraction=1.0, saes=["still"]), SamplePrefixes(3))
    assert compiled == ["TopKSAE"] * 12


def test_two_settings_of_one_sae(compiled: list[str]) -> None:
    # The second goes on moving when the first has stopped.
    fit(WithSetting(), Anneal("k", 8, fraction=0.25, saes=["top"]), Anneal("d_none", 1.0, fraction=0.75))
    assert compiled.count("TopKSAE") == 4
    assert compiled.count("StandardSAE") == STEPS


class WithSetting(Callback):
    """Gives one SAE a second number."""

    def setup(self, trainer, pl_module, stage) -> None:
        pl_module.saes["top"].d_none = 0.5


def test_nothing_moves_nothing_is_left_out(compiled: list[str]) -> None:
    fit()
    assert len(compiled) == 3 * STEPS
