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


def interrupted(folder: Path, *args: str, **where: object) -> int:
    """Exit status of a run that is sent a signal."""
    folder.mkdir(exist_ok=True)
    signal_at = {"class_path": "tests.processes.SignalAt", "init_args": where}
    (folder / "signal.json").write_text(json.dumps({"trainer": {"callbacks+": [signal_at]}}))
    return run(folder, *args, f"--config={folder / 'signal.json'}")


def same_end(one: Path, other: Path) -> bool:
    expected, resumed = weights(one), weights(other)
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    return comparison(one) == comparison(other)


# Before the first checkpoint, right after one, between two, on an epoch's last step, in a later epoch; in
# both validations, after one, before the next epoch, while a checkpoint is written, and at the very end.
@pytest.mark.parametrize(
    ("step", "during"),
    [
        *[(2, "batch"), (4, "batch"), (7, "batch"), (10, "batch"), (20, "batch")],
        *[(10, "validation"), (20, "validation"), (20, "end"), (10, "epoch_start")],
        *[(8, "saving"), (10, "saving"), (20, "train_end")],
    ],
)
def test_a_killed_run_resumes_to_the_same_bits(
    step: int, during: str, uninterrupted: Path, tmp_path: Path
) -> None:
    assert interrupted(tmp_path, step=step, during=during) == -signal.SIGKILL
    assert run(tmp_path, "--ckpt_path=last") == 0
    assert same_end(uninterrupted, tmp_path)


UNIT_NORM = "--trainer.callbacks+=saesim_pl.callbacks.UnitNormDecoder"
ACCUMULATED = "--trainer.accumulate_grad_batches=3"  # 4 steps an epoch, the last of one batch


@pytest.mark.parametrize(
    ("change", "steps"),
    [(UNIT_NORM, (5, 13)), (ACCUMULATED, (5, 5)), ("--trainer.val_check_interval=4", (9, 10))],
)
def test_a_run_killed_twice_resumes_to_the_same_bits(
    change: str, steps: tuple[int, int], tmp_path: Path
) -> None:
    killed = tmp_path / "killed"
    assert run(tmp_path / "whole", change) == 0
    assert interrupted(killed, change, step=steps[0]) == -signal.SIGKILL
    assert interrupted(killed, change, "--ckpt_path=last", step=steps[1]) == -signal.SIGKILL
    batches = checkpoint_of(killed)["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    # In the midst of an accumulation gradients would be lost.
    assert change != ACCUMULATED or batches["is_last_batch"] or batches["current"]["ready"] % 3 == 0
    assert run(killed, change, "--ckpt_path=last") == 0
    assert same_end(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize(
    ("signum", "during", "status", "name"),
    [
        (signal.SIGTERM, "batch", 143, "SIGTERM"),
        (signal.SIGINT, "batch", 130, "Ctrl-C"),
        (signal.SIGTERM, "validation", 143, "SIGTERM"),
        (signal.SIGINT, "saving", 130, "Ctrl-C"),
    ],
)
def test_a_signal_saves_says_how_to_go_on_and_has_a_status(
    signum: int, during: str, status: int, name: str, uninterrupted: Path, tmp_path: Path
) -> None:
    step = {"batch": 7, "validation": 10, "saving": 8}[during]
    assert interrupted(tmp_path, step=step, during=during, signum=int(signum)) == status
    said = (tmp_path / "log.txt").read_text().strip().splitlines()[-1]
    assert said.startswith(f"saesim fit: ended by {name}: step {step} is in ")
    assert said.endswith("last.ckpt; go on with --ckpt_path last")
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
    assert checkpoint_of(tmp_path)["global_step"] == step
    assert run(tmp_path, "--ckpt_path=last") == 0
    assert same_end(uninterrupted, tmp_path)


def test_nothing_passes_through_the_temporary_folder(
    uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    told = tmp_path / "run"
    assert interrupted(told, step=8, during="saving") == -signal.SIGKILL
    assert list((tmp_path / "temporary").iterdir()) == []
    [part] = told.rglob("*.part")
    assert part.parent.name == "checkpoints"
    assert run(told, "--ckpt_path=last") == 0
    assert list(told.rglob("*.part")) == []
    assert same_end(uninterrupted, told)


def test_a_disk_that_is_full_leaves_the_last_whole_checkpoint(tmp_path: Path) -> None:
    full = {"class_path": "tests.processes.FullDisk", "init_args": {"step": 6}}
    (tmp_path / "full.json").write_text(json.dumps({"trainer": {"callbacks+": [full]}}))
    assert run(tmp_path, f"--config={tmp_path / 'full.json'}") == 2
    said = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in said
    assert "while writing a checkpoint" in said.strip().splitlines()[-1]
    assert checkpoint_of(tmp_path)["global_step"] == 4
    assert list(tmp_path.rglob("*.part")) == []


def test_resuming_trains_only_what_is_missing(uninterrupted: Path, tmp_path: Path) -> None:
    checkpoint = next(uninterrupted.glob("**/last.ckpt"))
    resume = f"--ckpt_path={checkpoint}", "--trainer.max_epochs=3"
    assert interrupted(tmp_path, *resume, step=20) == 0  # step 20 is behind it


def test_last_is_the_last_run_that_trained(tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    validate = [argument for argument in ARGS if argument != "fit"]
    where = f"--trainer.logger.init_args.save_dir={tmp_path}"
    [last] = tmp_path.glob("synthetic_pair/version_0/checkpoints/last.ckpt")
    assert run_saesim(tmp_path / "validate.txt", "validate", *validate, where, f"--ckpt_path={last}") == 0
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
        (
            "--data.init_args.batch_size=512",
            "batch_size is 512 in the configuration and 1024 in the checkpoint",
        ),
        (
            "--data.init_args.samples_per_epoch=20480",
            "samples_per_epoch is 20480 in the configuration and 10240",
        ),
        ("--trainer.limit_train_batches=5", "batches of an epoch is 5 in the configuration and 10 in the"),
        ("--trainer.accumulate_grad_batches=2", "accumulate_grad_batches is 2 in the configuration and 1 in"),
        ("--data.init_args.d_in=16", "saes.a.W_dec is (64, 16) in the configuration and (64, 32) in the"),
        ("--model.init_args.saes.b.init_args.d_sae=8", "saes.b.W_dec is (8, 32) in the configuration and"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(
    change: str, message: str, uninterrupted: Path, tmp_path: Path
) -> None:
    checkpoint = next(uninterrupted.glob("**/last.ckpt"))
    assert run(tmp_path, f"--ckpt_path={checkpoint}", change, "--trainer.max_epochs=3") == 2
    last_line = (tmp_path / "log.txt").read_text().strip().splitlines()[-1]
    assert message in last_line
    assert last_line.startswith("saesim fit: error: ")
