"""The one door through which a run's data are reached."""

from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer

from saesim_pl.callbacks import ActivationWriter, Initialise, ResampleDeadLatents
from saesim_pl.data import SyntheticActivations, TextContexts
from saesim_pl.data.source import activations_of, known_activations, text_of, truth_of
from saesim_pl.language_models import LanguageModelActivations
from saesim_pl.saes import StandardSAE
from saesim_pl.training import SAECohort
from tests.data.stretched import StretchedActivations


class Foreign(LightningDataModule):
    """Looks like ours, and is not."""

    true_features, normalize, aligned = None, "none", True


def run_on(data: object) -> Trainer:
    trainer = Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    trainer.datamodule = data
    return trainer


@pytest.mark.parametrize(("data", "seen"), [(None, "plain dataloaders"), (Foreign(), "Foreign")])
def test_other_data_are_refused_by_name(data: object, seen: str) -> None:
    trainer = run_on(data)
    assert known_activations(trainer) is None
    for door in (activations_of, truth_of):
        message = f"^Asker needs activations from a data module of saesim_pl.data; got {seen}$"
        with pytest.raises(TypeError, match=message):
            door(trainer, "Asker")


def test_truth_is_live_and_says_whether_it_knows_firings() -> None:
    data = StretchedActivations(normalize="standardise")
    truth = truth_of(run_on(data), "Asker")
    assert data.n_asked == 0  # nothing is measured before it is needed
    assert not truth.knows_firings
    before = truth.served_features["a"].directions
    data.restore({"a": StretchedActivations(normalize="standardise").normalizations["b"]})
    assert not torch.equal(truth.served_features["a"].directions, before)
    drawn = truth_of(run_on(SyntheticActivations(8, 16, 2.0)), "Asker")
    assert drawn.knows_firings
    assert len(drawn.firings("validate", 0, 0, slice(0, 4))["a"].offsets) == 4


def test_data_without_truth_are_refused() -> None:
    data = StretchedActivations()
    data.true_features = None
    message = "^Asker needs data with true_features; StretchedActivations has none$"
    with pytest.raises(ValueError, match=message):
        truth_of(run_on(data), "Asker")


def test_text_says_where_it_comes_from() -> None:
    contexts = TextContexts("smollm2", context_size=7)
    assert text_of(run_on(contexts), "Asker").context_size == 7
    for data, seen in ((None, "plain dataloaders"), (StretchedActivations(), "StretchedActivations")):
        message = f"Asker needs a data module with context_size and text, such as TextContexts; got {seen}$"
        with pytest.raises(TypeError, match=message):
            text_of(run_on(data), "Asker")


def test_rows_of_one_document() -> None:
    assert StretchedActivations().document_rows is None
    assert SyntheticActivations(8, 16, 2.0).document_rows == 1


@pytest.mark.parametrize(
    "callback", [Initialise(), Initialise(b_dec="mean", n_samples=3), ResampleDeadLatents()]
)
def test_plain_dataloaders_are_refused_before_a_step(callback) -> None:
    cohort = SAECohort({"a": lambda d_in: StandardSAE(d_in, 8)}, {"a": 6})
    cohort.training_step = lambda *_: pytest.fail("trained")
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[callback],
    )
    name, data = type(callback).__name__, StretchedActivations()
    with pytest.raises(TypeError, match=f"{name} needs activations .*; got plain dataloaders"):
        trainer.fit(cohort, data.train_dataloader(), data.val_dataloader())


def test_no_data_are_needed_to_start_at_zero() -> None:
    cohort = SAECohort({"a": lambda d_in: StandardSAE(d_in, 8)}, {"a": 6})
    Initialise(b_dec="zero").setup(run_on(None), cohort, "fit")


def test_activations_are_not_computed_where_nobody_knows_their_text(tmp_path) -> None:
    writer = ActivationWriter(str(tmp_path / "cache"))
    model = LanguageModelActivations("smollm2", ["blocks.0.hook_mlp_out"])
    trainer = run_on(None)
    trainer.state = SimpleNamespace(fn="predict")
    with pytest.raises(TypeError, match="ActivationWriter needs a data module with context_size and text"):
        writer.setup(trainer, model, "predict")
    assert not (tmp_path / "cache").exists()
