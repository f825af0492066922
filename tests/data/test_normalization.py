"""Normalisation of activations, and what it does to directions."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from saesim_pl.callbacks import CompareDictionaries, CompareToTruth
from saesim_pl.data.normalization import Normalization, measure_normalization
from saesim_pl.saes import StandardSAE
from saesim_pl.training import SAECohort
from tests.data.stretched import D_IN, N_FEATURES, STRETCH, StretchedActivations

MODES = ("none", "mean_norm", "row_norm", "standardise")
ROWS = STRETCH * torch.randn(500, D_IN, generator=torch.Generator().manual_seed(0)) + 3


def test_none_leaves_rows_as_they_are() -> None:
    assert measure_normalization(ROWS, "none").apply(ROWS) is ROWS


def test_mean_norm_is_one_number() -> None:
    made = measure_normalization(ROWS, "mean_norm")
    served = made.apply(ROWS)
    assert served.norm(dim=1).mean().item() == pytest.approx(D_IN**0.5)
    ratio = served / ROWS
    torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio))


def test_row_norm_by_hand() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e30, 0.0], [0.0, 1e-30]])
    served = measure_normalization(rows, "row_norm").apply(rows)
    torch.testing.assert_close(served / 2**0.5, torch.tensor([[0.6, 0.8], [0, 0], [1, 0], [0, 1]]))


def test_standardise_by_hand() -> None:
    rows = torch.tensor([[1.0, 0.1, -3.0], [3.0, 0.1, 5.0]])
    made = measure_normalization(rows, "standardise")
    torch.testing.assert_close(made.scale, torch.tensor([1.0, 1.0, 4.0]))
    torch.testing.assert_close(made.apply(rows), torch.tensor([[-1.0, 0.0, -1.0], [1.0, 0.0, 1.0]]))
    torch.testing.assert_close(made.shift + made.scale * made.apply(rows), rows)


@pytest.mark.parametrize("value", [0.1, 1e-30, 12345.678])
def test_a_dimension_that_does_not_vary_keeps_its_scale(value: float) -> None:
    rows = torch.cat([torch.full((1000, 1), value), ROWS[:1].expand(1000, -1)], dim=1)
    assert measure_normalization(rows, "standardise").scale.eq(1).all()


@pytest.mark.parametrize("mode", MODES)
def test_rows_stay_as_they_are(mode: str) -> None:
    before = ROWS.clone()
    measure_normalization(ROWS, mode).apply(ROWS)
    assert torch.equal(ROWS, before)


def test_directions_point_where_rows_go() -> None:
    made = measure_normalization(ROWS, "standardise")
    step = torch.nn.functional.normalize(torch.randn(4, D_IN), dim=1)
    moved = made.apply(ROWS[:4] + step) - made.apply(ROWS[:4])
    torch.testing.assert_close(
        made.of_directions(step), torch.nn.functional.normalize(moved, dim=1), atol=1e-4, rtol=0
    )
    assert Normalization("row_norm").of_directions(step) is step


@pytest.mark.parametrize(
    ("rows", "mode", "message"),
    [
        (ROWS, "layer_norm", "normalize must be one of none, mean_norm, .* got 'layer_norm'"),
        (torch.zeros(3, 2), "mean_norm", "the 3 rows measured are 0"),
        (torch.tensor([[1.0], [torch.nan]]), "standardise", "1 of the 2 rows measured have NaN or infinity"),
        (torch.tensor([[1.0], [torch.inf]]), "mean_norm", "1 of the 2 rows measured have NaN or infinity"),
    ],
)
def test_what_cannot_be_measured_is_refused(rows: torch.Tensor, mode: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_normalization(rows, mode)


def test_the_stream_is_named() -> None:
    data = StretchedActivations(normalize="mean_norm")
    data.sums = data.sums * torch.nan
    with pytest.raises(ValueError, match="stream 'a': 4096 of the 4096 rows measured have NaN"):
        data.train_dataloader()


@pytest.mark.parametrize("mode", MODES)
def test_batches_are_normalised_and_shares_agree(mode: str) -> None:
    data, raw = StretchedActivations(normalize=mode), StretchedActivations()
    whole = data.batch("train", 1, 2)
    for stream, made in data.normalizations.items():
        torch.testing.assert_close(whole[stream], made.apply(raw.batch("train", 1, 2)[stream]))
        shares = [data.batch("train", 1, 2, rank, 2)[stream] for rank in range(2)]
        torch.testing.assert_close(torch.cat(shares), whole[stream])


def test_the_measure_does_not_depend_on_the_batch_size() -> None:
    one, other = (StretchedActivations(size, "standardise").normalizations["b"] for size in (32, 500))
    assert torch.equal(one.scale, other.scale)
    assert torch.equal(one.shift, other.shift)


def test_workers_do_not_measure_again() -> None:
    data = StretchedActivations(normalize="standardise", num_workers=1)
    loader = data.val_dataloader()
    copy = loader.dataset.__getstate__()["data"]
    assert data.n_asked == 1
    copy.batch("validate", 0, 0)
    assert copy.n_asked == 2  # the rows themselves
    for ours, theirs in zip(
        StretchedActivations(normalize="standardise").val_dataloader(), loader, strict=True
    ):
        assert torch.equal(ours["a"], theirs["a"])


def fit(
    cohort: SAECohort, data: StretchedActivations, ckpt_path: Path | None = None, max_steps: int = 2
) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = Trainer(
        accelerator="cpu", devices=1, max_steps=max_steps, max_epochs=1, enable_model_summary=False, **quiet
    )
    trainer.fit(cohort, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return trainer


def test_a_checkpoint_brings_its_normalisation(tmp_path: Path) -> None:
    data, other = StretchedActivations(normalize="standardise"), StretchedActivations(normalize="standardise")
    other.sums = 2 * other.sums
    assert not torch.equal(other.normalizations["a"].scale, data.normalizations["a"].scale)
    cohort = SAECohort({"a": lambda d_in: StandardSAE(d_in, N_FEATURES)}, data.streams)
    trainer = fit(cohort, data, max_steps=2)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    fit(cohort, other, max_steps=3, ckpt_path=tmp_path / "a.ckpt")
    for stream in cohort.reads.values():
        assert torch.equal(other.normalizations[stream].scale, data.normalizations[stream].scale)
    message = "normalize is mean_norm in the data; the SAEs of 'a' learnt from standardise"
    with pytest.raises(ValueError, match=message):
        fit(cohort, StretchedActivations(normalize="mean_norm"), ckpt_path=tmp_path / "a.ckpt")


def test_a_checkpoint_stores_the_normalisation_once(tmp_path: Path) -> None:
    data = StretchedActivations(normalize="standardise")
    cohort = SAECohort({"a": lambda d_in: StandardSAE(d_in, N_FEATURES)}, data.streams)
    fit(cohort, data, max_steps=1).save_checkpoint(tmp_path / "a.ckpt")
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert checkpoint["normalizations"].keys() == {"a"}
    assert "StretchedActivations" not in checkpoint


def test_a_cohort_in_memory_brings_its_normalisation() -> None:
    data, other = StretchedActivations(normalize="standardise"), StretchedActivations(normalize="standardise")
    other.sums = 2 * other.sums
    cohort = SAECohort({"a": lambda d_in: StandardSAE(d_in, N_FEATURES)}, data.streams)
    fit(cohort, data, max_steps=1)
    validate(other, cohort)
    assert torch.equal(other.normalizations["a"].scale, data.normalizations["a"].scale)


def validate(data: StretchedActivations, cohort: SAECohort, *callbacks) -> None:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    trainer = Trainer(accelerator="cpu", devices=1, callbacks=list(callbacks), **quiet)
    trainer.validate(cohort, datamodule=data, verbose=False)


@pytest.mark.parametrize("mode", MODES)
def test_truth_is_compared_in_the_served_space(mode: str) -> None:
    data, callback = StretchedActivations(normalize=mode), CompareToTruth()
    cohort = SAECohort({"a": lambda d_in: StandardSAE(d_in, N_FEATURES)}, data.streams)
    # What an ideal SAE learns: the features as they are seen in batches.
    scale = data.normalizations["a"].scale
    cohort.saes["a"].W_dec.data = data.sums if scale is None else data.sums / scale
    validate(data, cohort, callback)
    [mcc] = [row.value for row in callback.rows if row.measure == "mcc"]
    assert mcc == pytest.approx(1.0)
    raw = torch.nn.functional.cosine_similarity(cohort.saes["a"].W_dec, data.sums)
    assert (raw.mean() > 0.99) == (mode != "standardise")


def test_streams_standardised_by_different_numbers_have_no_cosine() -> None:
    data = StretchedActivations(normalize="standardise")
    cohort = SAECohort({name: lambda d_in: StandardSAE(d_in, N_FEATURES) for name in "ab"}, data.streams)
    with pytest.raises(ValueError, match="a and b read streams of different spaces"):
        validate(data, cohort, CompareDictionaries())
    data.normalizations["b"] = data.normalizations["a"]
    validate(data, cohort, CompareDictionaries())
    validate(StretchedActivations(normalize="mean_norm"), cohort, CompareDictionaries())
