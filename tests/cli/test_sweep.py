"""Runs of a sweep: named by what differs, side by side in TensorBoard."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from saesim_pl.cli import main

BASE = ["--config=configs/experiments/synthetic_pair.yaml", "--config=tests/data/tiny_pair.yaml"]
SHORT = [
    "--trainer.max_epochs=1",
    "--data.samples_per_epoch=2048",
    "--trainer.callbacks=[]",
    "--trainer.log_every_n_steps=1",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    for l1 in ("0.05", "0.2"):
        where = [f"--trainer.logger.save_dir={folder}", f"--trainer.logger.version=l1_{l1}"]
        main(
            [
                "fit",
                *BASE,
                *SHORT,
                *where,
                f"--model.defaults.l1_coefficient={l1}",
                "--trainer.callbacks+=LastCheckpoint",
            ]
        )
    return folder / "synthetic_pair"


@pytest.mark.parametrize("l1", [0.05, 0.2])
def test_a_run_is_named_by_what_differs_and_lists_it_under_hparams(l1: float, runs: Path) -> None:
    events = EventAccumulator(str(runs / f"l1_{l1}"))
    events.Reload()
    tags = events.summary_metadata
    content = tags["_hparams_/session_start_info"].plugin_data.content
    settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    for name in "ab":
        assert settings[f"model.saes.{name}.l1_coefficient"].number_value == l1
        assert settings[f"model.saes.{name}"].string_value == "StandardSAE"
    content = tags["_hparams_/experiment"].plugin_data.content
    scores = plugin_data_pb2.HParamsPluginData.FromString(content).experiment.metric_infos
    assert {info.name.tag for info in scores} <= set(events.Tags()["scalars"])
    assert len(scores) == 6


def test_the_configuration_of_a_run_evaluates_it(runs: Path) -> None:
    run = runs / "l1_0.2"
    where = f"--trainer.logger.version={runs}/evaluated"
    main(["validate", f"--config={run}/config.yaml", f"--ckpt_path={run}/checkpoints/last.ckpt", where])
    assert (runs / "evaluated" / "config.yaml").is_file()
