import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.processes import run_saesim

ARGS = (
    "fit",
    "--config=configs/experiments/synthetic_pair.yaml",
    "--config=tests/data/tiny_pair.yaml",
    "--config=tests/data/by_correlation.yaml",
    "--config=tests/data/normalised.yaml",
)


# Only the two processes have these; a and b do not notice. BatchTopK chooses latents among its process's own
# rows; d and e are computed together.
MORE = (
    '--model.init_args.saes.c={"class_path": "saesim_pl.saes.BatchTopKSAE", "init_args": {"d_sae": 32}}',
    '--model.init_args.saes.d={"class_path": "saesim_pl.saes.TopKSAE", "init_args": {"d_sae": 32}}',
    '--model.init_args.saes.e={"class_path": "saesim_pl.saes.TopKSAE", "init_args": {"d_sae": 32}}',
    '--model.init_args.reads={"c": "a", "d": "a", "e": "a"}',
    "--config=tests/data/same_buffers.yaml",
)


def results(folder: Path) -> tuple[list[dict], dict[str, torch.Tensor]]:
    run = folder / "synthetic_pair" / "version_0"
    rows = json.loads((run / "comparison.json").read_text())
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    scales = {f"scale of {s}": kept["scale"] for s, kept in checkpoint["normalizations"].items()}
    assert len(scales) == 2
    return rows, checkpoint["state_dict"] | scales


def test_two_processes_equal_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    [folder.mkdir() for folder in (one, two)]
    assert run_saesim(one / "log.txt", *ARGS, f"--trainer.logger.init_args.save_dir={one}") == 0
    ddp = ["--trainer.devices=2", "--trainer.accelerator=cpu", "--trainer.strategy=ddp"]
    saesim = str(Path(sys.executable).with_name("saesim"))
    run = subprocess.run(
        [saesim, *ARGS, *MORE, f"--trainer.logger.init_args.save_dir={two}", *ddp],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    assert "Starting with 2 processes" in run.stderr
    (rows_one, weights_one), (rows_two, weights_two) = results(one), results(two)
    for name, weight in weights_one.items():
        torch.testing.assert_close(weights_two[name], weight, atol=1e-5, rtol=0)
    assert "saes.c.threshold" in weights_two
    rows_two = [row for row in rows_two if not {*"cde", "all"} & {*row["pair"].split("~")}]
    assert len(rows_one) == len(rows_two) > 30
    for row_one, row_two in zip(rows_one, rows_two, strict=True):
        # The second run has more SAEs, and so another table to adjust over.
        exact = {key for key, value in row_one.items() if not isinstance(value, float)} - {
            "p_adjusted",
            "p_family",
        }
        assert {key: row_two[key] for key in exact} == {key: row_one[key] for key in exact}
        for key in ("value", "null_mean", "null_std"):
            assert row_two[key] == pytest.approx(row_one[key], abs=1e-5), (key, row_one)
        if isinstance(row_one["p_value"], float):
            assert row_two["p_value"] == pytest.approx(
                row_one["p_value"], abs=0.051
            )  # one draw next to a tie
