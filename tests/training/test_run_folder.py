import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from saesim_pl.callbacks import LastCheckpoint
from saesim_pl.training import place_run
from saesim_pl.training.place_run import Place
from saesim_pl.training.run_folder import claim_version, run_folder
from saesim_pl.training.same_experiment import differences, experiment_of
from tests.processes import run_saesim

COMMON = (
    "--config=configs/experiments/synthetic_pair.yaml",
    "--config=tests/data/tiny_pair.yaml",
    "--config=tests/data/checkpoint_often.yaml",
    "--data.init_args.samples_per_epoch=4096",
    "--data.init_args.validation_samples=100",
    "--trainer.max_epochs=1",
)  # 4 steps an epoch, a checkpoint at the fourth
TENSORBOARD = {
    "class_path": "lightning.pytorch.loggers.TensorBoardLogger",
    "init_args": {"save_dir": "logs", "name": "runs", "default_hp_metric": False},
}
CSV = {
    "class_path": "lightning.pytorch.loggers.CSVLogger",
    "init_args": {"save_dir": "logs", "name": "runs", "flush_logs_every_n_steps": 1},
}
UNVERSIONED = {
    "class_path": "tests.training.test_run_folder.Unversioned",
    "init_args": {"save_dir": "logs", "name": "runs"},
}


LISTENING = [
    {"class_path": "saesim_pl.callbacks.LastCheckpoint", "init_args": {"every_n_train_steps": 4}},
    {"class_path": "saesim_pl.callbacks.FiringHistogram"},
]
UNIT = [{"class_path": "saesim_pl.callbacks.UnitNormDecoder", "init_args": {"saes": None}}]


class Unversioned(Logger):
    """As WandbLogger: it has a folder and a name, and no folder for each run.

    Args:
        save_dir: Folder.
        name: Name.
    """

    def __init__(self, save_dir: str = ".", name: str = "project") -> None:
        super().__init__()
        self._save_dir, self._name = save_dir, name

    save_dir = property(lambda self: self._save_dir)
    name = property(lambda self: self._name)
    version = property(lambda self: None)

    def log_metrics(self, metrics: dict, step: int | None = None) -> None:
        pass

    def log_hyperparams(self, params: object, *args: object, **kwargs: object) -> None:
        pass


def run(folder: Path, logger: object, *args: str, subcommand: str = "fit") -> int:
    """Exit status of a run whose files go to ``folder``."""

    def placed(one: object) -> object:
        if not isinstance(one, dict):
            return one
        where = one["init_args"] | {"save_dir": str(folder / "logs")}
        return one | {"init_args": where}

    loggers = [placed(one) for one in logger] if isinstance(logger, list) else placed(logger)
    extra = folder / "logger.yaml"
    extra.write_text(json.dumps({"trainer": {"logger": loggers, "default_root_dir": str(folder / "root")}}))
    return run_saesim(folder / "log.txt", subcommand, *COMMON, f"--config={extra}", *args)


def log(folder: Path) -> str:
    return (folder / "log.txt").read_text()


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def steps(run_folder: Path) -> int:
    return torch.load(run_folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]


@pytest.mark.parametrize(
    ("logger", "root", "subcommand"),
    [
        (CSV, "logs/runs", "test"),
        ([TENSORBOARD, CSV], "logs/runs", "validate"),
        (UNVERSIONED, "logs/runs", "validate"),
        (False, "root/lightning_logs", "test"),
        (True, "root/lightning_logs", "validate"),
    ],
    ids=["csv", "list", "unversioned", "none", "default"],
)
def test_a_folder_is_written_by_one_run_alone(
    logger: object, root: str, subcommand: str, tmp_path: Path
) -> None:
    for _ in range(2):
        assert run(tmp_path, logger) == 0, log(tmp_path)
    first, second, third = (tmp_path / root / f"version_{version}" for version in range(3))
    assert sorted((tmp_path / root).iterdir()) == [first, second]
    before = files(tmp_path / root)
    other = "--data.init_args.validation_samples=50"
    assert run(tmp_path, logger, "--ckpt_path=last", other, subcommand=subcommand) == 0, log(tmp_path)
    after = files(tmp_path / root)
    assert {path: after[path] for path in before} == before
    assert third / "config.yaml" in after
    # The evaluation's folder has no checkpoint, and so is no run to go on with.
    assert run(tmp_path, logger, "--ckpt_path=last", "--trainer.max_epochs=2") == 0, log(tmp_path)
    assert (steps(first), steps(second)) == (4, 8)
    changed = {path for path, held in files(tmp_path / root).items() if after.get(path) != held}
    assert {path for path in changed if not path.is_relative_to(second)} == set()
    assert yaml.safe_load((second / "config.yaml").read_text())["trainer"]["max_epochs"] == 2


def test_csv_rows_before_a_resumed_step_are_kept(tmp_path: Path) -> None:
    often = "--trainer.log_every_n_steps=1"
    assert run(tmp_path, CSV, often) == 0
    [path] = tmp_path.rglob("metrics.csv")
    before = rows_of(path)
    assert run(tmp_path, CSV, often, "--ckpt_path=last", "--trainer.max_epochs=2") == 0, log(tmp_path)
    assert "will be deleted" not in log(tmp_path)
    rows = rows_of(path)
    assert rows[: len(before)] == before
    trained = [int(row["step"]) for row in rows if row["train/a/loss"]]
    assert trained == list(range(8))


@pytest.mark.parametrize("crash", ["experiment", "replace"])
def test_csv_rows_survive_a_kill_while_they_are_taken_over(
    crash: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs" / "version_0"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("loss,step\n3.0,0\n2.0,1\n1.0,2\n")
    torch.save({"global_step": 2}, tmp_path / "last.ckpt")
    replaced = []

    def killed(path: Path, target: Path) -> None:
        replaced.append(path)
        if crash == "replace" and len(replaced) == 2:
            raise KeyboardInterrupt
        path.rename(target)

    def never(logger: CSVLogger) -> None:
        raise KeyboardInterrupt

    logger = CSVLogger(str(tmp_path), "runs", version=0)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        if crash == "experiment":
            patch.setattr(CSVLogger, "experiment", property(never))
        with pytest.raises(KeyboardInterrupt):
            place_run.open_csv(logger, tmp_path / "last.ckpt")
    logger = CSVLogger(str(tmp_path), "runs", version=0)
    place_run.open_csv(logger, tmp_path / "last.ckpt")
    logger.log_metrics({"loss": 0.5, "fvu": 0.1}, step=2)
    logger.save()
    assert (folder / "metrics.csv").read_text().split() == ["fvu,loss,step", ",3.0,0", ",2.0,1", "0.1,0.5,2"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("--model.init_args.lr=0.002", "model.init_args.lr 0.003 there, 0.002 here"),
        ("--data.init_args.batch_size=512", "data.init_args.batch_size 1024 there, 512 here"),
    ],
)
def test_last_is_a_run_of_the_same_experiment(change: str, told: str, tmp_path: Path) -> None:
    assert run(tmp_path, TENSORBOARD) == 0
    runs = tmp_path / "logs" / "runs"
    before = files(runs)
    assert run(tmp_path, TENSORBOARD, "--ckpt_path=last", change) == 0, log(tmp_path)
    assert files(runs / "version_0") == before
    [line] = [line for line in log(tmp_path).splitlines() if line.startswith("saesim: no run to go on with")]
    assert told in line
    an_epoch = 8 if "batch_size" in change else 4
    assert steps(runs / "version_1") == an_epoch
    # It goes on with its own, and not with the newest.
    assert run(tmp_path, TENSORBOARD) == 0
    assert run(tmp_path, TENSORBOARD, "--ckpt_path=last", change, "--trainer.max_epochs=2") == 0
    assert steps(runs / "version_1") == 2 * an_epoch


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed_everything": 3}, "seed_everything 0 there, 3 here"),
        ({"trainer": {"gradient_clip_val": 0.5}}, "trainer.gradient_clip_val 1.0 there, 0.5 here"),
        ({"trainer": {"callbacks": UNIT}}, "trainer.callbacks.0.class_path None there"),
        ({"model": {"lr": 2, "k": 3, "a": 1, "b": 2}}, "model.a 3 there, 1 here; model.b None there, 2 here"),
        ({"trainer": {"max_epochs": 9, "callbacks": LISTENING}}, ""),
        ({"data": {"init_args": {"num_workers": 4}}}, ""),
    ],
)
def test_settings_that_decide_what_is_learnt_are_told(change: dict, told: str) -> None:
    config: dict[str, Any] = {
        "seed_everything": 0,
        "model": {"lr": 1, "a": 3},
        "data": {"init_args": {"num_workers": 0}},
        "trainer": {"gradient_clip_val": 1.0, "max_epochs": 3, "callbacks": LISTENING[:1]},
    }
    changed = {
        part: {**of, **change.get(part, {})} if isinstance(of, dict) else change.get(part, of)
        for part, of in config.items()
    }
    said = differences(experiment_of(changed), experiment_of(config))
    assert said.startswith(told)
    assert bool(said) == bool(told)


@pytest.mark.parametrize("subcommand", ["fit", "validate"])
def test_a_version_that_holds_another_run_is_refused(subcommand: str, tmp_path: Path) -> None:
    named = {**TENSORBOARD, "init_args": TENSORBOARD["init_args"] | {"version": "mine"}}
    assert run(tmp_path, named) == 0, log(tmp_path)
    before = files(tmp_path / "logs")
    checkpoint = f"--ckpt_path={tmp_path / 'logs' / 'runs' / 'mine' / 'checkpoints' / 'last.ckpt'}"
    changes = ["--model.init_args.lr=0.002"] if subcommand == "fit" else [checkpoint]
    assert run(tmp_path, named, *changes, subcommand=subcommand) == 2
    assert "mine holds a run: take another version" in log(tmp_path).splitlines()[-1]
    assert files(tmp_path / "logs") == before
    assert run(tmp_path, named, "--ckpt_path=last", "--trainer.max_epochs=2") == 0, log(tmp_path)
    assert steps(tmp_path / "logs" / "runs" / "mine") == 8


def test_an_evaluation_of_no_run_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, TENSORBOARD, "--ckpt_path=last", subcommand="validate") == 2
    assert log(tmp_path).splitlines()[-1].startswith("saesim validate: error: --ckpt_path last: no run in")
    assert not (tmp_path / "logs").exists()


def test_a_refused_run_leaves_no_folder(tmp_path: Path) -> None:
    assert run(tmp_path, TENSORBOARD, "--data.init_args.n_features=0") == 2
    assert not (tmp_path / "logs").exists()


def test_versions_are_claimed_once_and_are_free_in_all_roots(tmp_path: Path) -> None:
    (tmp_path / "b" / "version_4").mkdir(parents=True)
    roots = [tmp_path / "a", tmp_path / "b"]
    assert [claim_version(roots), claim_version(roots)] == [5, 6]
    Place(tmp_path / "a" / "version_6").leave()
    assert (tmp_path / "a" / "version_5").exists()
    Place(tmp_path / "a" / "version_5").leave()
    assert not (tmp_path / "a").exists()


def test_in_python_an_evaluation_after_a_fit_has_another_folder(tmp_path: Path) -> None:
    seen: list[Path | None] = []

    class Ask(LastCheckpoint):
        def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
            super().setup(trainer, pl_module, stage)
            seen.append(run_folder(trainer))
            assert run_folder(trainer) == seen[-1]

    quiet: dict[str, Any] = {
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
    }
    quiet |= {"callbacks": [Ask()], "default_root_dir": tmp_path, "num_sanity_val_steps": 0}
    model = BoringModel()
    for logger in (False, TensorBoardLogger(tmp_path, "runs")):
        trainer = Trainer(logger=logger, max_steps=2, **quiet)
        trainer.fit(model)
        trainer.validate(model, verbose=False)
    folders = ["lightning_logs/version_0", "lightning_logs/version_1", "runs/version_0", "runs/version_1"]
    assert seen == [tmp_path / folder for folder in folders]
    assert (tmp_path / folders[0] / "checkpoints" / "last.ckpt").is_file()
    Trainer(fast_dev_run=True, **quiet).fit(model)
    assert seen[-1] is None
