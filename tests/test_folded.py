"""SAEs of a checkpoint that read raw activations."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from saesim_pl import saes
from saesim_pl.data.normalization import NormalizationMode
from saesim_pl.training import SAECohort
from tests.data.stretched import StretchedActivations

ARCHITECTURES = [getattr(saes, name) for name in saes.__all__ if name.endswith("SAE")]
D_SAE = 12
UNKNOWN = "nothing tells how stream 'a' of SAE 'a' was normalised in training"


def factory(architecture: type = saes.StandardSAE) -> dict:
    return {"a": lambda d_in: architecture(d_in, D_SAE)}


def fit(cohort: SAECohort, *args, **kwargs) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **quiet,
    )
    trainer.fit(cohort, *args, **kwargs)
    return trainer


def trained(path: Path, mode: NormalizationMode, architecture: type = saes.StandardSAE) -> SAECohort:
    """A cohort that was fitted under ``mode``, saved at ``path`` and loaded without its data."""
    data = StretchedActivations(normalize=mode)
    fit(SAECohort(factory(architecture), data.streams), datamodule=data).save_checkpoint(path)
    return SAECohort.load_from_checkpoint(path, weights_only=True, saes=factory(architecture))


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.__name__)
@pytest.mark.parametrize("mode", ["none", "mean_norm", "standardise"])
def test_a_folded_sae_reads_raw_rows(tmp_path: Path, mode: str, architecture: type) -> None:
    cohort = trained(tmp_path / "a.ckpt", mode, architecture).eval()
    if (architecture, mode) == (saes.MatchingPursuitSAE, "standardise"):
        with pytest.raises(TypeError, match="takes one scale for all dimensions"):
            cohort.folded("a")
        return
    raw = StretchedActivations().batch("validate", 0, 0)["a"]
    served = StretchedActivations(normalize=mode).batch("validate", 0, 0)["a"]
    sae, folded, made = cohort.saes["a"], cohort.folded("a"), cohort.normalizations["a"]
    with torch.no_grad():
        latents, x_hat = sae.encode(served), sae(served)
        torch.testing.assert_close(folded.encode(raw), latents, atol=1e-4, rtol=1e-4)
        expected = x_hat if mode == "none" else made.shift + made.scale * x_hat
        torch.testing.assert_close(folded(raw), expected, atol=1e-4, rtol=1e-4)
        assert (latents > 0).any()
        # The cohort itself goes on in the served space.
        assert torch.equal(sae(served), x_hat)
        assert torch.equal(folded.W_dec, sae.W_dec) == (mode == "none")


def test_row_norm_is_not_in_the_weights(tmp_path: Path) -> None:
    cohort = trained(tmp_path / "a.ckpt", "row_norm")
    with pytest.raises(
        ValueError, match="no weights divide a row by its own norm; SAE 'a' was trained under"
    ):
        cohort.folded("a")


def test_saes_are_not_evaluated_under_another_normalisation(tmp_path: Path) -> None:
    cohort = trained(tmp_path / "a.ckpt", "standardise")
    trainer = Trainer(accelerator="cpu", devices=1, logger=False, enable_progress_bar=False)
    trainer.validate(cohort, datamodule=StretchedActivations(normalize="standardise"), verbose=False)
    with pytest.raises(
        ValueError, match="normalize is none in the data; the SAEs of 'a' learnt from standard"
    ):
        trainer.validate(cohort, datamodule=StretchedActivations(), verbose=False)


def test_nothing_is_guessed_of_rows_whose_normalisation_is_unknown(tmp_path: Path) -> None:
    data, cohort = StretchedActivations(), SAECohort(factory(), {"a": 6})
    fit(cohort, data.train_dataloader(), data.val_dataloader())
    with pytest.raises(ValueError, match=UNKNOWN):
        cohort.folded("a")
    fit(cohort, datamodule=data).save_checkpoint(tmp_path / "a.ckpt")
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=True)
    del checkpoint["normalizations"]  # as before there was any
    torch.save(checkpoint, tmp_path / "old.ckpt")
    old = SAECohort.load_from_checkpoint(tmp_path / "old.ckpt", weights_only=True, saes=factory())
    assert torch.equal(old.saes["a"].W_enc, cohort.folded("a").W_enc)
    with pytest.raises(ValueError, match=UNKNOWN):
        old.folded("a")
