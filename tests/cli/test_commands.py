import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from saesim_pl.cli import main
from saesim_pl.cli.messages import one_line

PAIR = "configs/experiments/synthetic_pair.yaml"
TINY = Path(__file__).parents[1] / "data" / "tiny_pair.yaml"
HIERARCHY = "--data.init_args.hierarchy.init_args"


def fit(*args: str, capsys: pytest.CaptureFixture, status: int = 2) -> str:
    """The one line that a failing ``saesim fit`` prints."""
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", PAIR, "--config", str(TINY), "--trainer.fast_dev_run=true", *args])
    assert stop.value.code == status
    [said] = capsys.readouterr().err.strip().splitlines()
    assert said.startswith("saesim fit: error: ")
    return said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["--model.init_args.saes.a.class_path=saesim_pl.saes.TopKSea"],
            "no subclass of SparseAutoencoder; did you",
        ),
        (
            ["--model.saes.a.d_sea=3"],
            "--model.saes.a.d_sea: StandardSAE takes no 'd_sea'; did you mean 'd_sae'?",
        ),
        (
            ["--data.batch_sizes=3"],
            "--data.batch_sizes: SyntheticActivations takes no 'batch_sizes'; did you",
        ),
        (["--data.init_args.d_in=wide"], "--data.init_args.d_in: must be a whole number, got 'wide'"),
        (
            ["--data.init_args.n_features=0"],
            "--data.init_args.n_features: n_features must be at least 1, got 0",
        ),
        (
            [
                "--data.init_args.hierarchy=saesim_pl.truth.Trees",
                f"{HIERARCHY}.n_roots=0",
                f"{HIERARCHY}.branching=2",
            ],
            f"error: {HIERARCHY}.n_roots: n_roots must be at least 1, got 0",
        ),
        (["--model.init_args.reads.a=c"], "SAE 'a' reads stream 'c'; the data have 'a', 'b'"),
        (["--data.init_args.stream_names=[c,d]"], "SAE 'a' is not told which stream it reads"),
        (["--model.seeds.z=3"], "--model.seeds.z: seeds names ['z'], but the SAEs are ['a', 'b']"),
        (["--model.saes.b.d_sae=-2"], "--model.saes.b.d_sae: SAE 'b': d_sae must be at least 1, got -2"),
        (["--model.init_args.streams.a=3"], "streams come from the data"),
        (["--config=nowhere.yaml"], "nowhere.yaml: there is no such file"),
        (["--ckpt_path=nowhere.ckpt"], "--ckpt_path nowhere.ckpt: there is no such checkpoint"),
        (["--trainer.acelerator=cpu"], "Trainer takes no 'acelerator'; did you mean 'accelerator'?"),
        (["--trainr.max_epochs=2"], "there is no option 'trainr'; did you mean 'trainer'?"),
    ],
)
def test_bad_configuration_ends_in_one_line_and_status_2(args, message, capsys) -> None:
    assert message in fit(*args, capsys=capsys)


def test_a_composed_file_that_is_missing_is_named(tmp_path, capsys) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("config: [nowhere.yaml]\n")
    assert "nowhere.yaml" in fit("--config", str(config), capsys=capsys)


def test_a_file_that_lists_itself_is_refused(tmp_path, capsys) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("config: [config.yaml]\n")
    assert "lists itself" in fit("--config", str(config), capsys=capsys)


def test_later_files_and_the_shell_win(tmp_path, capsys) -> None:
    (tmp_path / "first.yaml").write_text("trainer: {max_epochs: 7, log_every_n_steps: 3}\n")
    (tmp_path / "second.yaml").write_text("config: [first.yaml]\ntrainer: {max_epochs: 8}\n")
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(tmp_path / "second.yaml"), "--seed_everything=5", "--print_config"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "max_epochs: 8" in printed
    assert "log_every_n_steps: 3" in printed
    assert "seed_everything: 5" in printed


def test_errors_of_a_run_under_way_keep_their_traceback(monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr("saesim_pl.training.SAECohort.on_train_batch_end", broken)
    with pytest.raises(ValueError, match="a defect"):
        main(["fit", "--config", PAIR, "--config", str(TINY), "--trainer.fast_dev_run=true"])


def test_nested_parser_messages_become_one_line() -> None:
    nested = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'A'>, <class 'NoneType'>]
  Errors:
    - Parser key "d_in":
          Expected a <class 'int'>. Got value: abc
    - Expected a <class 'NoneType'>
  Given value type: <class 'dict'>
"""
    assert one_line(nested) == "model: d_in: Expected a <class 'int'>. Got value: abc"


@pytest.mark.parametrize(
    ("words", "said"), [(["--version"], "saesim 0."), (["--help"], "train SAEs"), ([], "fit")]
)
def test_version_and_help_import_nothing_heavy(words: list[str], said: str) -> None:
    code = f"""
import sys
from saesim_pl.cli import main
main({words!r})
print(sorted({{"torch", "lightning", "jsonargparse", "numpy", "yaml"}} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said in run.stdout
    assert run.stdout.splitlines()[-1] == "[]"


def test_main_is_the_console_script() -> None:
    [script] = entry_points(group="console_scripts", name="saesim")
    assert script.load() is main


def test_fit_validate_and_test_agree(tmp_path) -> None:
    where = f"--trainer.logger.init_args.save_dir={tmp_path}"
    common = ["--config", PAIR, "--config", str(TINY), where]
    assert main(["fit", *common]) is None
    run = tmp_path / "synthetic_pair" / "version_0"
    fitted = json.loads((run / "comparison.json").read_text())
    # A checkpoint does not know the weights that training began with.
    fitted = [row for row in fitted if row["subset"] != "initial"]
    checkpoint = str(run / "checkpoints" / "last.ckpt")
    for subcommand in ("validate", "test"):
        main([subcommand, *common, f"--ckpt_path={checkpoint}"])
        [again] = [
            p for p in (tmp_path / "synthetic_pair").glob("version_*/comparison.json") if p.parent != run
        ]
        compared = json.loads(again.read_text())
        assert [row | {"epoch": 0} for row in compared] == [row | {"epoch": 0} for row in fitted]
        again.rename(again.with_suffix(".done"))
