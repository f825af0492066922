import json
import signal
from pathlib import Path

import pytest
import torch

from tests.processes import run_saesim

# 10 steps an epoch, a checkpoint every 4 steps and at each epoch's end.
ARGS = (
    "fit",
    "--config=configs/experiments/synthetic_pair.yaml",
    "--config=tests/data/tiny_pair.yaml",
    "--config=tests/data/checkpoint_often.yaml",
    "--config=tests/data/normalised.yaml",
)


def checkpoint_of(folder: Path) -> dict:
    [checkpoint] = folder.glob("synthetic_pair/version_*/checkpoints/last.ckpt")
    return torch.load(checkpoint, weights_only=True)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint_of(folder)["state_dict"]


def comparison(folder: Path) -> str:
    [table] = folder.glob("synthetic_pair/version_*/comparison.csv")
    return table.read_text()


def run(folder: Path, *args: str) -> int:
    folder.mkdir(exist_ok=True)
    return run_saesim(folder / "log.txt", *ARGS, f"--trainer.logger.init_args.save_dir={folder}", *args)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert run(folder) == 0
    return folder


# Before the first checkpoint, right after one, between two, on an epoch's last step, in a later epoch.
@pytest.mark.parametrize("step", [2, 4, 7, 10, 13, 20])
def test_a_killed_run_resumes_to_the_same_bits(step: int, uninterrupted: Path, tmp_path: Path) -> None:
    kill = {"class_path": "tests.processes.KillAtStep", "init_args": {"step": step}}
    (tmp_path / "kill.yaml").write_text(json.dumps({"trainer": {"callbacks+": [kill]}}))
    assert run(tmp_path, f"--config={tmp_path / 'kill.yaml'}") == -signal.SIGKILL
    assert run(tmp_path, "--ckpt_path=last") == 0
    expected, resumed = weights(uninterrupted), weights(tmp_path)
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    assert comparison(uninterrupted) == comparison(tmp_path)


def test_resuming_trains_only_what_is_missing(uninterrupted: Path, tmp_path: Path) -> None:
    checkpoint = next(uninterrupted.glob("**/last.ckpt"))
    kill = {"class_path": "tests.processes.KillAtStep", "init_args": {"step": 20}}
    (tmp_path / "kill.yaml").write_text(json.dumps({"trainer": {"callbacks+": [kill]}}))
    resume = f"--ckpt_path={checkpoint}", f"--config={tmp_path / 'kill.yaml'}", "--trainer.max_epochs=3"
    assert run(tmp_path, *resume) == 0  # step 20 is behind it


def test_last_is_the_last_run_that_trained(tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    validate = [argument for argument in ARGS if argument != "fit"]
    where = f"--trainer.logger.init_args.save_dir={tmp_path}"
    assert run_saesim(tmp_path / "validate.txt", "validate", *validate, where) == 0
    assert run(tmp_path, "--ckpt_path=last", "--trainer.max_epochs=3") == 0
    assert checkpoint_of(tmp_path)["global_step"] == 30
    assert not (tmp_path / "synthetic_pair" / "version_2").exists()


def test_a_checkpoint_brings_no_code(uninterrupted: Path, tmp_path: Path) -> None:
    checkpoint = torch.load(next(uninterrupted.glob("**/last.ckpt")), weights_only=True)
    torch.save(checkpoint | {"payload": Path("anything but plain data")}, tmp_path / "stranger.ckpt")
    assert run(tmp_path, f"--ckpt_path={tmp_path / 'stranger.ckpt'}") == 2
    assert "holds more than weights and plain data" in (tmp_path / "log.txt").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "--data.init_args.normalize=row_norm",
            "normalize is row_norm in the data; the SAEs of 'a' learnt from mean_norm",
        ),
        ("--data.init_args.d_in=16", "saes.a.W_dec is (64, 16) in the configuration and (64, 32) in the"),
        ("--model.init_args.saes.b.init_args.d_sae=8", "saes.b.W_dec is (8, 32) in the configuration and"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(
    change: str, message: str, uninterrupted: Path, tmp_path: Path
) -> None:
    checkpoint = next(uninterrupted.glob("**/last.ckpt"))
    assert run(tmp_path, f"--ckpt_path={checkpoint}", change) == 2
    last_line = (tmp_path / "log.txt").read_text().strip().splitlines()[-1]
    assert message in last_line
    assert last_line.startswith("saesim fit: error: ")
