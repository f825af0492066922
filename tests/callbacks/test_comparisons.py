"""The comparing callbacks on dictionaries whose answer is known."""

import json
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from saesim_pl.callbacks import (
    CompareByCorrelation,
    CompareDictionaries,
    CompareToTruth,
    ComparisonTable,
    FiringHistogram,
)
from saesim_pl.comparison import ComparisonRow
from saesim_pl.comparison.row import FIELDS
from saesim_pl.data import SyntheticActivations
from saesim_pl.data.generated import GeneratedActivations
from saesim_pl.functional import (
    expected_jaccard,
    firing_agreement,
    match_by_cosine,
    mcc,
)
from saesim_pl.saes import StandardSAE
from saesim_pl.training import SAECohort
from saesim_pl.truth import Hierarchy, TrueFeatures

N_FEATURES, D_IN = 80, 24


def data(**kwargs) -> SyntheticActivations:
    sizes = {"d_in": D_IN, "n_features": N_FEATURES, "mean_active": 2.0, "validation_samples": 512}
    return SyntheticActivations(**sizes | {"batch_size": 256, "stream_names": ["a", "b"]} | kwargs)


def cohort_that_knows(module: SyntheticActivations, shuffle: bool = True) -> SAECohort:
    """SAEs whose dictionaries are the true features, in another order and scale, the last one dead."""
    cohort = SAECohort({n: lambda d_in: StandardSAE(d_in, N_FEATURES) for n in "ab"}, module.streams)
    for name, sae in cohort.saes.items():
        rows = module.true_features[name].directions
        order = torch.randperm(N_FEATURES) if shuffle else torch.arange(N_FEATURES)
        with torch.no_grad():
            sae.W_dec.copy_(3 * rows[order])
            sae.W_enc.copy_(rows[order].T)
            sae.b_enc.fill_(-0.3)
    return cohort


def validate(
    cohort: LightningModule, module: SyntheticActivations, tmp_path, *callbacks, logger=False
) -> Trainer:
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=TensorBoardLogger(tmp_path, "run") if logger else False,
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
    )
    trainer.validate(cohort, datamodule=module, verbose=False)
    return trainer


def by_key(rows: list[ComparisonRow]) -> dict[tuple[str, str, str], ComparisonRow]:
    return {(row.pair, row.subset, row.measure): row for row in rows}


def test_a_dictionary_of_true_features_scores_1_and_chance_stays_low(tmp_path) -> None:
    module, callback = data(), CompareToTruth()
    validate(cohort_that_knows(module), module, tmp_path, callback)
    rows = by_key(callback.rows)
    for subset, n in {"all": 80, "shared": 40, "unshared": 40}.items():
        for key in (
            ("truth~a", subset, "mean_max_cosine_similarity"),
            ("truth~a", subset, "fraction_recovered"),
            ("a~truth", subset, "mean_max_cosine_similarity"),
            ("truth~a", subset, "mcc"),
        ):
            assert rows[key].value == pytest.approx(1, abs=1e-5), key
            assert rows[key].null_mean < 0.75
            assert (rows[key].n_pairs, rows[key].n_unique) == (n, n)
        assert rows["truth~b", subset, "uniqueness"].value == 1
        assert rows["truth~b", subset, "uniqueness"].null_mean < 0.9


def test_a_dead_latent_is_counted_and_never_matched(tmp_path) -> None:
    module, callback = data(), CompareToTruth()
    cohort = cohort_that_knows(module, shuffle=False)
    with torch.no_grad():
        cohort.saes["a"].W_dec[7] = 0
    validate(cohort, module, tmp_path, callback)
    rows = by_key(callback.rows)
    matched = rows["truth~a", "all", "matched_cosine_similarity"]
    assert (matched.n_pairs, matched.n_unique) == (79, 79)
    assert rows["truth~a", "all", "fraction_recovered"].value == pytest.approx(79 / 80)


def test_an_sae_whose_rows_are_all_zero_has_no_scores_and_a_reason(tmp_path) -> None:
    module, callback = data(), CompareToTruth()
    cohort = cohort_that_knows(module)
    with torch.no_grad():
        cohort.saes["a"].W_dec.zero_()
    validate(cohort, module, tmp_path, callback, CompareDictionaries(), ComparisonTable(), logger=True)
    of_dead = [row for row in callback.rows if row.pair == "truth~a" and row.measure == "jaccard_similarity"]
    assert of_dead[0].value is None
    assert of_dead[0].notes == "needs 26 pairs of rows, has 0"
    assert {row.pair for row in callback.rows if row.measure == "firing_f1"} == {"truth~b"}


def test_shared_features_are_found_again_and_unshared_ones_by_chance(tmp_path) -> None:
    module, callback = data(d_in=128, n_features=160), CompareDictionaries(k=5)
    cohort = SAECohort({n: lambda d_in: StandardSAE(d_in, 160) for n in "ab"}, module.streams)
    for name, sae in cohort.saes.items():
        sae.W_dec.data = module.true_features[name].directions.clone()
    validate(cohort, module, tmp_path, callback)
    rows = by_key(callback.rows)
    for pair in ("a~b", "b~a"):
        assert rows[pair, "shared", "mean_max_cosine_similarity"].value == pytest.approx(1, abs=1e-5)
        assert rows[pair, "shared", "mean_max_cosine_similarity"].p_value == 0.05
        assert rows[pair, "unshared", "mean_max_cosine_similarity"].p_value > 0.05
    assert rows["a~b", "shared", "jaccard_similarity"].value == pytest.approx(1)
    assert rows["a~b", "shared", "jaccard_similarity"].n_pairs == 80
    for measure in ("matched_cosine_similarity", "jaccard_similarity"):
        unshared = rows["a~b", "unshared", measure]
        assert unshared.value == pytest.approx(unshared.null_mean, abs=0.05)
        assert unshared.p_value > 0.05


def test_correlation_finds_the_pairs_that_fire_together(tmp_path) -> None:
    module, callback = data(aligned=True, shared_fraction=1.0), CompareByCorrelation(k=5)
    cohort = cohort_that_knows(module)
    with torch.no_grad():
        # Another space: cosines mean nothing, correlations and neighbours stay.
        rotation, _ = torch.linalg.qr(torch.randn(D_IN, D_IN))
        cohort.saes["b"].W_dec.copy_(cohort.saes["b"].W_dec @ rotation)
    validate(cohort, module, tmp_path, callback)
    rows = by_key(callback.rows)
    correlation, jaccard = (rows["a~b", "all", m] for m in ("correlation_match", "jaccard_similarity"))
    assert correlation.value > 2 * correlation.null_mean
    assert jaccard.value > 0.8
    # Fewer latents are each other's best by chance, so chance is that of fewer rows.
    assert expected_jaccard(jaccard.n_pairs, 5) < jaccard.null_mean < 0.2


def test_scores_reach_tensorboard_with_chance_and_pictures(tmp_path) -> None:
    module = data()
    trainer = validate(cohort_that_knows(module), module, tmp_path, CompareDictionaries(), logger=True)
    events = EventAccumulator(trainer.log_dir).Reload()
    scalars = set(events.Tags()["scalars"])
    assert {"a~b/mean_max_cosine_similarity", "a~b/shared/jaccard_similarity", "a/fvu"} <= scalars
    assert {f"{key}_chance" for key in scalars if key.startswith("a~b") and "chance" not in key} <= scalars
    assert set(events.Tags()["images"]) == {"a~b/matched_cosines", "a~b/best_cosines"}


def test_table_and_files_hold_the_same_rows(tmp_path, capsys) -> None:
    module, callback = data(), CompareToTruth()
    trainer = validate(cohort_that_knows(module), module, tmp_path, callback, ComparisonTable(), logger=True)
    printed = capsys.readouterr().out
    written = json.loads(Path(trainer.log_dir, "comparison.json").read_text())
    assert [ComparisonRow(**row) for row in written] == callback.rows
    assert list(written[0]) == list(FIELDS)
    lines = Path(trainer.log_dir, "comparison.csv").read_text().splitlines()
    assert lines[0] == ",".join(FIELDS)
    assert len(lines) == len(written) + 1
    assert len({tuple(row[key] for key in FIELDS[1:5]) for row in written}) == len(written)
    table = [line.split() for line in printed.splitlines()]
    for row in written:
        assert any({row["measure"], f"{row['value']:.4g}"} <= set(line) for line in table)
        assert any({row["subset"], "chance", "z"} <= set(line) for line in table)


def test_what_cannot_be_compared_is_refused_before_anything_runs(tmp_path) -> None:
    module = data()
    cohort = cohort_that_knows(module)
    module.same_space = False
    with pytest.raises(ValueError, match="a and b read streams of different spaces"):
        validate(cohort, module, tmp_path, CompareDictionaries())
    validate(cohort, module, tmp_path, asked := CompareDictionaries(across_spaces=True))
    assert asked.rows
    with pytest.raises(ValueError, match="do not describe the same samples"):
        validate(cohort, module, tmp_path, CompareByCorrelation())
    module.true_features = None
    with pytest.raises(
        ValueError, match="CompareToTruth needs data with true_features; SyntheticActivations"
    ):
        validate(cohort, module, tmp_path, CompareToTruth())
    with pytest.raises(TypeError, match="CompareToTruth needs an SAECohort, got BoringModel"):
        validate(BoringModel(), module, tmp_path, CompareToTruth())


def test_too_few_pairs_have_no_score_and_a_reason(tmp_path) -> None:
    module, callback = data(), CompareDictionaries()
    cohort = SAECohort({n: lambda d_in: StandardSAE(d_in, 25) for n in "ab"}, module.streams)
    validate(cohort, module, tmp_path, callback)
    row = by_key(callback.rows)["a~b", "all", "jaccard_similarity"]
    assert (row.value, row.p_value, row.notes) == (None, None, "needs 26 pairs of rows, has 25")


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="method must be one of 'argmax', 'mutual', 'hungarian', got 'best'"):
        CompareDictionaries(method="best")
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        CompareByCorrelation(k=0)


def fit(
    cohort: SAECohort, module: SyntheticActivations, tmp_path, callback, epochs: int, logger=False, **kwargs
) -> Trainer:
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=logger,
        log_every_n_steps=1,
        max_epochs=epochs,
        callbacks=[callback],
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=tmp_path,
    )
    trainer.fit(cohort, datamodule=module, **kwargs)
    return trainer


def test_agreement_of_the_initial_weights_stands_beside_that_of_the_trained(tmp_path) -> None:
    module = data(stream_names=["x"], samples_per_epoch=512)
    makers = {n: lambda d_in: StandardSAE(d_in, 40) for n in "abc"}
    cohort = SAECohort(makers, module.streams, seeds={"a": 1, "b": 1, "c": 2}, lr=0.05)
    with torch.no_grad():
        cohort.saes["b"].b_enc.fill_(0.5)  # another course from the same directions
    callback = CompareDictionaries()
    trainer = fit(cohort, module, tmp_path, callback, epochs=1)
    rows = by_key(callback.rows)
    assert rows["a~b", "initial", "fraction_shared"].value == 1
    assert rows["a~b", "initial", "matched_cosine_similarity"].value == pytest.approx(1)
    assert rows["a~c", "initial", "fraction_shared"].value < 0.1
    assert rows["a~b", "all", "matched_cosine_similarity"].value < 0.999
    assert trainer.callback_metrics["a~b/initial/fraction_shared"] == 1
    pairs = [mcc(cohort.saes[a].dictionary, cohort.saes[b].dictionary).item() for a, b in ("ab", "ac", "bc")]
    mean = rows["all~all", "all", "pw_mcc"]
    assert mean.value == pytest.approx(sum(pairs) / 3, abs=1e-6)
    assert mean.null_mean == pytest.approx(rows["a~c", "initial", "matched_cosine_similarity"].value, abs=0.1)
    assert mean.n_pairs == 3 * 40
    # A fit that goes on has loaded other weights by the time it trains, and still knows the first.
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = SAECohort(makers, module.streams, seeds={"a": 1, "b": 1, "c": 2}, lr=0.05)
    resumed = CompareDictionaries()
    fit(again, module, tmp_path, resumed, epochs=2, ckpt_path=tmp_path / "last.ckpt")
    key = "a~c", "initial", "matched_cosine_similarity"
    assert by_key(resumed.rows)[key].value == rows[key].value


def test_only_saes_of_one_stream_and_width_have_a_pw_mcc(tmp_path) -> None:
    module, callback = data(), CompareDictionaries()
    widths = {"a": 40, "b": 40, "c": 40, "d": 30}
    makers = {n: lambda d_in, d_sae=d_sae: StandardSAE(d_in, d_sae) for n, d_sae in widths.items()}
    cohort = SAECohort(makers, module.streams, reads={"c": "a", "d": "a"})
    validate(cohort, module, tmp_path, callback)
    [row] = [row for row in callback.rows if row.pair == "all~all"]
    assert (row.subset, row.measure) == ("StandardSAE_a_40", "pw_mcc")
    assert row.value == pytest.approx(mcc(cohort.saes["a"].dictionary, cohort.saes["c"].dictionary).item())


def test_firing_histogram_counts_the_latents_that_fired(tmp_path) -> None:
    module = data()
    cohort = cohort_that_knows(module)
    with torch.no_grad():
        cohort.saes["a"].b_enc[:60] = -100  # dead
        cohort.saes["b"].b_enc.fill_(-100)
    trainer = validate(cohort, module, tmp_path, FiringHistogram(), logger=True)
    events = EventAccumulator(trainer.log_dir).Reload()
    assert events.Tags()["histograms"] == ["a/log10_firing_frequency"]
    [drawn] = events.Histograms("a/log10_firing_frequency")
    x = torch.cat([batch["a"] for batch in module.val_dataloader()])
    frequency = (cohort.saes["a"].encode(x) > 0).double().mean(0)
    assert drawn.histogram_value.num == (frequency > 0).sum() == 20
    assert drawn.histogram_value.max == pytest.approx(frequency.max().log10().item())
    with pytest.raises(TypeError, match="FiringHistogram needs an SAECohort, got BoringModel"):
        validate(BoringModel(), module, tmp_path, FiringHistogram())


def test_firing_scores_are_those_of_the_drawn_firings(tmp_path) -> None:
    module, callback = data(mean_active=1.0, validation_samples=700), CompareToTruth()
    cohort = cohort_that_knows(module)
    validate(cohort, module, tmp_path, callback)
    rows = by_key(callback.rows)
    for name, sae in cohort.saes.items():
        truth = module.true_features[name]
        matching = match_by_cosine(truth.directions, sae.dictionary, "hungarian")
        latents, magnitudes = [], []
        for index, size in enumerate((256, 256, 188)):
            latents.append(sae.encode(module.batch("validate", 0, index)[name])[:, matching.index_b].detach())
            fired = module.firings("validate", 0, index, slice(0, size))[name]
            dense = torch.zeros(size, int(truth.ids.max()) + 1)
            ends = [*fired.offsets.tolist()[1:], len(fired.feature)]
            for sample, (start, end) in enumerate(zip(fired.offsets.tolist(), ends, strict=True)):
                dense[sample, fired.feature[start:end].long()] = fired.magnitude[start:end]
            magnitudes.append(dense[:, truth.ids])
        expected = firing_agreement(torch.cat(latents), torch.cat(magnitudes))
        for score in ("precision", "recall", "f1"):
            row = rows[f"truth~{name}", "all", f"firing_{score}"]
            assert (row.value, row.null_mean) == pytest.approx(
                (expected[score].item(), expected[f"{score}_chance"].item())
            )
            assert row.value > 5 * row.null_mean
            assert row.n_pairs == expected["n_pairs"]


def test_data_that_do_not_tell_firings_have_no_firing_scores(tmp_path, monkeypatch) -> None:
    module, callback = data(), CompareToTruth()
    cohort = cohort_that_knows(module)
    batches = list(module.val_dataloader())
    monkeypatch.setattr(module, "rows", lambda stage, epoch, index, rows: batches[index])
    monkeypatch.setattr(GeneratedActivations, "knows_firings", False)
    validate(cohort, module, tmp_path, callback)
    assert callback.rows
    assert not [row for row in callback.rows if row.measure.startswith("firing")]


def test_a_share_has_the_firings_of_its_rows() -> None:
    module = data(batch_size=3000, validation_samples=2500)
    whole = module.batch("validate", 0, 0)
    for rank in range(2):
        share = module.share("validate", 0, rank, 2)
        assert share == slice(1250 * rank, 1250 * (rank + 1))
        fired = module.firings("validate", 0, 0, share)
        for name, rows in whole.items():
            again = fired[name].sum_rows(module._tables[name])
            assert torch.equal(again, rows[share])


def test_a_fit_leaves_its_truth_in_the_runs_folder(tmp_path) -> None:
    module = data(samples_per_epoch=256, normalize="standardise", hierarchy=Hierarchy([-1, 0]))
    cohort = cohort_that_knows(module)
    logger = TensorBoardLogger(tmp_path)
    fit(cohort, module, tmp_path, CompareToTruth(), epochs=1, logger=logger)
    for stream, truth in module.served_features.items():
        saved = TrueFeatures.load(Path(logger.log_dir, "true_features", f"{stream}.safetensors"))
        for field in ("directions", "ids", "parents", "frequencies"):
            assert torch.equal(getattr(saved, field), getattr(truth, field))
        assert not torch.allclose(saved.directions, module.true_features[stream].directions)


def test_the_table_cuts_no_name(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = [f"an_sae_with_a_name_of_thirty_{i}" for i in range(2)]
    module = data(stream_names=["x"])
    cohort = SAECohort({name: lambda d_in: StandardSAE(d_in, 40) for name in names}, module.streams)
    validate(cohort, module, tmp_path, CompareDictionaries(), ComparisonTable())
    assert f"{names[0]}~{names[1]}" in capsys.readouterr().out
