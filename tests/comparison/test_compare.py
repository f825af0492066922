import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn.functional import normalize

import saesim_pl
from saesim_pl.cli import main
from saesim_pl.comparison import CorrelationPairing, FeatureSet, ShiftedTokensNull
from saesim_pl.comparison.defaults import default_metrics
from saesim_pl.comparison.files import read_rows
from saesim_pl.data.manifest import Manifest, Shard
from saesim_pl.data.reopen import reopen_data
from saesim_pl.data.shards import write_shard
from saesim_pl.functional import match_by_correlation, matched_cosine_similarity, svcca
from saesim_pl.interop.load_sae import load_sae
from saesim_pl.metrics import SVCCA, ActivationCorrelation, LinearCKA
from saesim_pl.saes import StandardSAE
from saesim_pl.training import SAECohort


def rows(seed: int, n: int = 50, d: int = 8) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


quick = partial(saesim_pl.compare, n_draws=9)


def test_every_two_things_are_compared_and_the_rows_are_right() -> None:
    a, b, c = rows(0), rows(1), rows(2)
    found = quick(a, b, c, one_space=True, metrics=["svcca", "matched_cosine_similarity"])
    assert {row.pair for row in found} == {"a~b", "a~c", "b~c"}
    assert found.value("matched_cosine_similarity", "a~c") == pytest.approx(matched_cosine_similarity(a, c))
    assert all(row.p_family is not None and row.p_adjusted is not None for row in found)


def test_a_planted_copy_has_the_least_p_whatever_its_order() -> None:
    a = rows(0)
    b = a[torch.randperm(50, generator=torch.Generator().manual_seed(3))]
    found = quick(a, b, one_space=True, metrics=["svcca", "linear_cka", "mean_max_cosine_similarity"])
    assert [row.value for row in found] == pytest.approx([1.0] * len(found), abs=1e-4)
    assert {row.p_value for row in found} == {0.1}


def test_default_metrics_are_all_there_and_notebooks_see_a_table() -> None:
    found = quick(rows(0), rows(1), one_space=True)
    assert {row.measure for row in found} == set(default_metrics())
    shown = found._repr_html_()
    assert shown.count("<tr>") == len(found) + 1
    assert "mean_max_cosine_similarity" in shown
    assert "mean_max_cosine_similarity" in str(found)


def test_names_are_told_apart(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", rows(0).numpy())
    word = f"{tmp_path}/w.npy:rows"
    found = quick(word, word, f"old={word}", one_space=True, metrics="svcca", pairings="unpaired")
    assert {row.pair for row in found} == {"w~w2", "w~old", "w2~old"}


def test_words_for_pairings() -> None:
    found = quick(
        rows(0), rows(1), one_space=True, metrics="svcca", pairings="unpaired, argmax, hungarian_top_20"
    )
    assert {row.pairing: row.n_pairs for row in found} == {
        "unpaired": 50,
        "argmax": 50,
        "hungarian_top_20": 20,
    }
    unpaired = next(row for row in found if row.pairing == "unpaired")
    assert unpaired.value == pytest.approx(svcca(rows(0), rows(1)))


def test_groups_of_a_run_are_subsets(run: Path) -> None:
    found = quick(f"{run}:truth/a", f"{run}:a", metrics="mean_max_cosine_similarity")
    assert {(row.pair, row.subset) for row in found} == {
        (pair, subset) for pair in ("truth_a~a", "a~truth_a") for subset in ("all", "shared", "unshared")
    }
    assert next(row for row in found if row.pair == "truth_a~a" and row.subset == "shared").n_pairs == 12
    only = quick(f"{run}:truth/a", f"{run}:a", metrics="mean_max_cosine_similarity", subsets=["shared"])
    assert {row.subset for row in only} == {"shared"}


def test_sets_of_different_spaces_are_compared_by_correlation(rotated_run: Path) -> None:
    found = quick(f"{rotated_run}:a", f"{rotated_run}:b", subsets=["all"])
    assert {row.pairing for row in found} == {"correlation_mutual"}
    assert not {row.measure for row in found} & {"matched_cosine_similarity", "mean_max_cosine_similarity"}
    assert "no common space" in found.notes[0]
    data, correlation = reopen_data(rotated_run), ActivationCorrelation()
    saes = {name: load_sae(rotated_run, name) for name in ("a", "b")}
    for index in range(data.n_batches("validate")):
        batch = data.batch("validate", 0, index)
        correlation.update(*(saes[name].encode(batch[name]) for name in ("a", "b")))
    matching = match_by_correlation(correlation.compute(), "mutual")
    assert found[0].n_pairs == len(matching)
    assert found.value("correlation_match") == pytest.approx(matching.score.mean().item(), abs=1e-5)


def test_activations_may_be_a_run_a_module_or_batches(rotated_run: Path) -> None:
    things = f"{rotated_run}:a", f"{rotated_run}:b"
    data = reopen_data(rotated_run)
    batches = [
        data.rows("validate", 0, i, data.share("validate", i, 0, 1))
        for i in range(data.n_batches("validate"))
    ]
    ask = partial(
        quick,
        *things,
        metrics="svcca",
        pairings="correlation_mutual",
        null=ShiftedTokensNull(9, document=1),
        subsets=["all"],
    )
    values = [ask(activations=given).value("svcca") for given in (None, str(rotated_run), data, batches)]
    assert values == pytest.approx([values[0]] * 4)


def test_latents_themselves_are_compared(rotated_run: Path) -> None:
    metrics = {"svcca": SVCCA(), "linear_cka": LinearCKA()}
    found = quick(f"{rotated_run}:a", f"{rotated_run}:b", subsets=["all"], latent_metrics=metrics)
    of_latents = {row.measure: row.value for row in found if row.subset == "latents"}
    data, expected = reopen_data(rotated_run), {name: metric.clone() for name, metric in metrics.items()}
    saes = {name: load_sae(rotated_run, name) for name in ("a", "b")}
    for index in range(data.n_batches("validate")):
        batch = data.batch("validate", 0, index)
        for metric in expected.values():
            metric.update(*(saes[name].encode(batch[name]) for name in ("a", "b")))
    for name, metric in expected.items():
        assert of_latents[name] == pytest.approx(float(metric.compute()), abs=1e-4)


def test_saes_of_python_and_their_activations() -> None:
    torch.manual_seed(0)
    a, b = StandardSAE(8, 20), StandardSAE(8, 20)
    batches = [{"x": torch.randn(64, 8)} for _ in range(3)]
    found = quick(
        a,
        b,
        metrics="svcca",
        pairings={"c": CorrelationPairing("hungarian")},
        null=ShiftedTokensNull(9, document=1),
        activations=batches,
    )
    assert found[0].n_pairs > 0


def make_cache(folder: Path, token: int, hook: str, d_in: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir()
    shape = (40, 8)
    columns = {hook: rng.standard_normal((*shape, d_in)).astype(np.float32)}
    n_bytes, checksum = write_shard(
        folder / "shard-00000-00000.arrow", np.full(shape, token, np.int32), columns
    )
    shards = (Shard("shard-00000-00000.arrow", 0, 0, 40, n_bytes, checksum),)
    Manifest("tiny", None, 8, {hook: d_in}, shards).write(folder)
    return folder


def run_on_cache(folder: Path, cache: Path, stream: str, hook: str, d_in: int) -> Path:
    """A run whose SAE was never trained, but read a cache."""
    from lightning.pytorch import Trainer

    cohort = SAECohort({"a": partial(StandardSAE, d_sae=30)}, {stream: d_in})
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=0)
    trainer.strategy.connect(cohort)
    trainer.save_checkpoint(folder / "checkpoints" / "last.ckpt")
    arguments = {"folder": str(cache), "hooks": {stream: hook}, "batch_size": 32}
    block = {"class_path": "saesim_pl.data.CachedActivations", "init_args": arguments}
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": block}))
    return folder


@pytest.fixture(scope="module")
def model_runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Runs ``x`` and ``y`` on caches of the same tokens at two models' hooks, ``z`` on other tokens."""
    folder = tmp_path_factory.mktemp("models")
    for name, token, d_in in (("x", 7, 6), ("y", 7, 9), ("z", 8, 6)):
        cache = make_cache(folder / f"cache_{name}", token, f"mlp_{name}", d_in, seed=ord(name))
        run_on_cache(folder / name, cache, "mlp", f"mlp_{name}", d_in)
    return lambda name: folder / name


def test_two_models_are_compared_over_the_same_tokens(model_runs) -> None:
    found = quick(
        f"x={model_runs('x')}:a", f"y={model_runs('y')}:a", metrics="svcca", pairings="correlation_hungarian"
    )
    assert found[0].n_pairs > 20
    assert found[0].null.startswith("ShiftedTokensNull")


def test_caches_of_other_tokens_are_refused(model_runs) -> None:
    with pytest.raises(ValueError, match=r"x and z: .*cache_x and .*cache_z are caches of different tokens"):
        quick(f"x={model_runs('x')}:a", f"z={model_runs('z')}:a", pairings="correlation_mutual")
    with pytest.raises(ValueError, match=r"has no hook 'mlp_x', only \['mlp_z'\]"):
        quick(
            f"x={model_runs('x')}:a",
            f"z={model_runs('z')}:a",
            pairings="correlation_mutual",
            activations=model_runs("cache_z"),
        )


def saesim_compare(capsys: pytest.CaptureFixture, *words: str, status: int | None = None) -> str:
    """What the command prints, or the one line with which it fails."""
    if status is None:
        main(["compare", *words])
        return capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["compare", *words])
    assert stop.value.code == status
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("saesim compare: error: ")
    return said[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{run}:a", "nowhere:b"], "nowhere: there is no such run or checkpoint"),
        (["{run}:a", "{run}:c"], "has no SAE 'c', only a, b"),
        (["{run}:a"], "needs at least two feature sets, got a"),
        (["{run}:a", "narrow.npy:rows"], "widths differ: a has d_in=16, narrow has 5"),
        (["{run}:a", "narrow.npy:rows", "--one_space=true"], "widths differ: a has d_in=16, narrow has 5"),
        (["{run}:a", "wide.npy:rows"], "have different spaces, where a cosine means nothing"),
        (
            ["{rotated}:a", "{rotated}:b", "--pairings=hungarian"],
            "have different spaces, where a cosine means nothing",
        ),
        (
            ["{run}:a", "few.npy:rows", "--one_space=true", "--metrics=jaccard_similarity"],
            "jaccard_similarity needs",
        ),
        (["{run}:a", "nan.npy:rows", "--one_space=true"], "nan.npy:rows: nan holds 1 entries that are NaN"),
        (["{run}:a", "{run}:b", "--metrics=fraud"], "metrics: there is no metric 'fraud'; there is"),
        (["{run}:a", "{run}:b", "--metrics={{x: {{class_path: torch.nn.Linear}}}}"], "Metric"),
        (["{run}:a", "{run}:b", "--pairings=best"], "pairings: there is no pairing 'best'; there is"),
        (["{run}:a", "{run}:b", "--pairings=correlation_mutual"], "streams whose rows are different samples"),
        (["{run}:a", "{run}:b", "--n_draws=1"], "n_draws must be at least 2, got 1"),
        (["{run}:a", "{run}:b", "--n_draws=few"], "n_draws"),
        (["{run}:a", "{run}:b", "--subsets=[mine]"], "subsets: there is no group 'mine', only all, shared"),
        (["{run}:a", "{run}:b", "--null=RotationNull", "--pairings=unpaired"], "PermutationNull"),
        (["{run}:a", "{run}:b", "--folder={run}/out"], "lies in the training run"),
        (["{run}:a", "{run}:b", "--folder=narrow.npy"], "folder narrow.npy is a file"),
        (["{run}:a", "{run}:b", "--activations=nowhere", "--pairings=correlation_mutual"], "nowhere is no"),
        (["{run}:a", "{run}:b", "--family=[colour]"], "family: there is no column 'colour'"),
        (["{run}:a", "{run}:b", "--config=nowhere.yaml"], "nowhere.yaml"),
        (["{run}:a", "{run}:b", "--surprise=1"], "surprise"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_ends_in_one_line_and_leaves_nothing(
    words: list[str], message: str, run: Path, rotated_run: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("narrow.npy", rows(0, 30, 5).numpy())
    np.save("wide.npy", rows(0, 30, 16).numpy())
    np.save("few.npy", rows(0, 6, 16).numpy())
    np.save("nan.npy", np.full((1, 1), np.nan))
    before = sorted(tmp_path.rglob("*")), sorted(run.rglob("*"))
    filled = [word.format(run=run, rotated=rotated_run) for word in words]
    assert message in saesim_compare(capsys, *filled, status=2)
    assert before == (sorted(tmp_path.rglob("*")), sorted(run.rglob("*")))


def test_the_command_prints_one_table_and_writes_it(run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = [f"{run}:a", f"{run}:b", "--n_draws=9", "--subsets=[all]", "--metrics=[svcca, mcc]"]
    printed = saesim_compare(capsys, *words)
    assert "svcca" in printed
    [folder] = (tmp_path / "comparisons").iterdir()
    assert str(folder.relative_to(tmp_path)) in printed
    assert sorted(p.suffix for p in folder.glob("comparison.*")) == [".csv", ".json", ".md", ".tex"]
    found = read_rows(folder / "comparison.json")
    assert [row.measure for row in found] == ["svcca", "mcc"]
    with (folder / "comparison.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [float(line["value"]) for line in read] == [row.value for row in found]
    assert [float(line["p_value"]) for line in read] == [row.p_value for row in found]
    # The same question again finds its draws, and says the same.
    assert saesim_compare(capsys, *words) == printed
    assert len(list((tmp_path / "comparisons").iterdir())) == 1


def test_a_configuration_holds_what_options_do(run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_metric.py").write_text(
        "from torchmetrics import Metric\n"
        "class MyMetric(Metric):\n"
        "    higher_is_better = True\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.add_state('total', __import__('torch').tensor(0.0), dist_reduce_fx='sum')\n"
        "    def update(self, a, b): self.total += (a * b).sum()\n"
        "    def compute(self): return self.total\n"
    )
    config = {
        "things": [f"{run}:a", f"{run}:b"],
        "metrics": {"mine": {"class_path": "my_metric.MyMetric"}},
        "pairings": {"best": {"class_path": "saesim_pl.comparison.CosinePairing", "init_args": {"top": 7}}},
        "null": {"class_path": "saesim_pl.comparison.RotationNull", "init_args": {"n_draws": 9}},
        "subsets": ["all"],
    }
    (tmp_path / "ask.yaml").write_text(yaml.safe_dump(config))
    saesim_compare(capsys, "--config=ask.yaml", "--folder=out")
    [row] = read_rows(tmp_path / "out" / "comparison.json")
    assert (row.measure, row.pairing, row.n_pairs, row.null) == ("mine", "best", 7, "RotationNull(9)")


def test_help_tells_what_the_function_says(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare", "--help"])
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Draws of default nulls; the least p-value is 1 / (n_draws + 1)." in shown
    assert "folder of a cache or of a run" in shown


def test_tables_can_be_read_elsewhere(tmp_path: Path) -> None:
    found = quick(FeatureSet("a_b", normalize(rows(0))), rows(1), one_space=True)
    for write in (found.to_csv, found.to_json, found.to_markdown, found.to_latex):
        suffix = {"to_csv": "csv", "to_json": "json", "to_markdown": "md", "to_latex": "tex"}[write.__name__]
        write(tmp_path / f"table.{suffix}")
        with pytest.raises(ValueError, match="must end in"):
            write(tmp_path / "table.txt")
    lines = (tmp_path / "table.md").read_text().splitlines()
    head, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert len(body) == len(found) + 1
    for cells, row in zip(body[1:], found, strict=True):
        read = dict(zip(head, cells, strict=True))
        assert read["pair"] == row.pair
        assert float(read["value"]) == pytest.approx(row.value, rel=1e-3)
    assert json.loads((tmp_path / "table.json").read_text())[0]["pair"] == found[0].pair
    document = (tmp_path / "table.tex").read_text()
    assert r"a\_b\textasciitilde{}b" in document
    assert document.count(r"\\") == len(found) + 1
    if shutil.which("pdflatex"):
        whole = (
            rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{document}\end{{document}}"
        )
        (tmp_path / "all.tex").write_text(whole)
        subprocess.run(["pdflatex", "-interaction=batchmode", "all.tex"], cwd=tmp_path, check=True)


def test_comparing_needs_no_lightning() -> None:
    import sys

    code = "import sys, saesim_pl.comparison.compare; sys.exit('lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_run_of_the_command_line_is_found_again(tmp_path: Path, capsys) -> None:
    logger = f"--trainer.logger.init_args.save_dir={tmp_path}"
    shipped = ["--config=configs/experiments/synthetic_pair.yaml", "--config=tests/data/tiny_pair.yaml"]
    main(["fit", *shipped, logger, "--trainer.max_epochs=1"])
    folder = tmp_path / "synthetic_pair" / "version_0"
    found = quick(f"{folder}:a", f"{folder}:b", metrics="svcca", pairings="hungarian")
    of_run = {
        (row.pair, row.subset): row.value
        for row in read_rows(folder / "comparison.json")
        if row.measure == "svcca" and row.pair == "a~b"
    }
    assert {row.subset for row in found} == {"all", "shared", "unshared"}
    for row in found:
        assert row.value == pytest.approx(of_run[row.pair, row.subset], abs=1e-5)
