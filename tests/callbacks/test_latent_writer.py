"""Latents of trained SAEs, on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from saesim_pl.callbacks import LatentWriter
from saesim_pl.cli import main
from saesim_pl.data import CachedActivations
from saesim_pl.saes import BatchTopKSAE, StandardSAE
from saesim_pl.training import SAECohort
from tests.data.stretched import D_IN, StretchedActivations
from tests.data.test_cached import CONTEXT, N_CONTEXTS, make_cache


def cohort() -> SAECohort:
    makers = {"a": lambda d_in: StandardSAE(d_in, 16), "b": lambda d_in: BatchTopKSAE(d_in, 8, k=2)}
    return SAECohort(makers, {"a": D_IN, "b": D_IN})


def predict(folder: Path, model=None, data=None, *callbacks: Callback, **writer) -> SAECohort:
    model = model or cohort()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    callbacks = (LatentWriter(str(folder), **writer), *callbacks)
    trainer = Trainer(accelerator="cpu", devices=1, callbacks=list(callbacks), **quiet)
    kept = trainer.predict(model, datamodule=data or StretchedActivations())
    assert not kept
    return model


def table(path: Path) -> dict:
    return pa.ipc.open_stream(str(path)).read_all().to_pydict()


def dense(folder: Path, sae: str) -> torch.Tensor:
    about = json.loads((folder / "latents.json").read_text())
    latents = torch.full((about["n_rows"], about["saes"][sae]["d_sae"]), torch.nan)
    for file in about["saes"][sae]["files"]:
        columns = table(folder / file)
        for row, indices, values in zip(*(columns[k] for k in ("row", "indices", "values")), strict=True):
            assert latents[row].isnan().all(), "a row comes once"
            latents[row] = 0
            latents[row, indices] = torch.tensor(values)
    assert not latents.isnan().any()
    return latents


def test_latents_and_their_statistics(tmp_path: Path) -> None:
    model = predict(tmp_path / "latents").eval()
    batches = list(StretchedActivations().val_dataloader())
    assert len({len(batch["a"]) for batch in batches}) == 2
    for name, sae in model.saes.items():
        with torch.no_grad():
            expected = torch.cat([sae.encode(batch[name]) for batch in batches])
        torch.testing.assert_close(dense(tmp_path / "latents", name), expected, rtol=0, atol=0)
        fires = expected > 0
        of_latents = {
            "frequency": fires.double().mean(0),
            "mean": expected.double().mean(0),
            "mean_firing": expected.double().sum(0) / fires.sum(0),
            "max": expected.amax(0).double(),
        }
        found = table(tmp_path / f"latents/{name}-statistics.arrow")
        assert found.keys() == of_latents.keys()
        for key, values in of_latents.items():
            written = torch.tensor(found[key], dtype=torch.float64)
            torch.testing.assert_close(written, values, equal_nan=True)
    about = json.loads((tmp_path / "latents/latents.json").read_text())
    assert about["saes"]["b"]["class"] == "BatchTopKSAE"
    assert (about["n_rows"], about["stage"], about["document_rows"]) == (500, "validate", None)


def test_all_tokens_of_a_cache_in_its_order(tmp_path: Path) -> None:
    make_cache(tmp_path)
    data = CachedActivations(str(tmp_path), {"a": "low"}, batch_size=7, skip_positions=2, normalize="none")
    model = SAECohort({"a": lambda d_in: StandardSAE(d_in, 5)}, data.streams)
    with torch.no_grad():  # the first latent is the number of the token
        model.saes["a"].W_enc.zero_()
        model.saes["a"].W_enc[0, 0] = 1.0
    predict(tmp_path / "latents", model, data)
    numbers = torch.arange(N_CONTEXTS * CONTEXT).reshape(-1, CONTEXT)[:, 2:].flatten() + 1.0
    assert torch.equal(dense(tmp_path / "latents", "a")[:, 0], numbers)
    assert json.loads((tmp_path / "latents/latents.json").read_text())["document_rows"] == CONTEXT - 2


def test_what_is_there_stays_until_its_successor_is_whole(tmp_path: Path) -> None:
    class Fail(Callback):
        def on_predict_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, *_) -> None:
            if batch_idx == 3:
                raise RuntimeError("out of luck")

    folder = tmp_path / "latents"
    with pytest.raises(RuntimeError, match="out of luck"):
        predict(folder, None, None, Fail())
    assert not list(tmp_path.iterdir())
    model = predict(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError, match="holds latents; set overwrite to replace them"):
        predict(folder)
    with pytest.raises(RuntimeError, match="out of luck"):
        predict(folder, cohort(), None, Fail(), overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with torch.no_grad():
        model.saes["a"].W_enc.mul_(2)
    predict(folder, model, overwrite=True)
    assert (folder / "a-00000.arrow").read_bytes() != before["a-00000.arrow"]
    assert [path.name for path in tmp_path.iterdir()] == ["latents"]


def test_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"holds other files, such as notes\.txt"):
        predict(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_other_models_and_data_are_refused(tmp_path: Path) -> None:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}

    def trainer() -> Trainer:
        return Trainer(accelerator="cpu", callbacks=[LatentWriter(str(tmp_path / "latents"))], **quiet)

    with pytest.raises(TypeError, match="LatentWriter needs an SAECohort, got BoringModel"):
        trainer().predict(BoringModel(), datamodule=StretchedActivations())
    with pytest.raises(TypeError, match=r"LatentWriter needs activations .*; got plain dataloaders"):
        trainer().predict(cohort(), StretchedActivations().val_dataloader())
    assert not list(tmp_path.iterdir())


def test_command_line_in_one_and_two_processes(tmp_path: Path, capsys) -> None:
    (tmp_path / "cache").mkdir()
    make_cache(tmp_path / "cache")
    data = {
        "class_path": "saesim_pl.data.CachedActivations",
        "init_args": {"folder": str(tmp_path / "cache"), "hooks": {"a": "low"}, "batch_size": 8},
    }
    sae = {"class_path": "saesim_pl.saes.TopKSAE", "init_args": {"d_sae": 12, "k": 2}}
    model = {"class_path": "saesim_pl.training.SAECohort", "init_args": {"saes": {"a": sae}}}
    (tmp_path / "run.yaml").write_text(json.dumps({"data": data, "model": model}))
    common = ["--config=configs/base.yaml", f"--config={tmp_path}/run.yaml", "--trainer.accelerator=cpu"]
    common += [f"--trainer.logger.init_args.save_dir={tmp_path}", "--trainer.enable_progress_bar=false"]
    main(["fit", *common, "--trainer.devices=1", "--trainer.max_epochs=1", "--trainer.log_every_n_steps=5"])
    [checkpoint] = tmp_path.glob("**/last.ckpt")
    writer = ["--config=configs/callbacks/latent_writer.yaml", f"--ckpt_path={checkpoint}"]
    where = "--trainer.callbacks.init_args.folder"
    one, two = tmp_path / "one", tmp_path / "two"
    main(["predict", *common, *writer, "--trainer.devices=1", f"{where}={one}"])
    saesim = str(Path(sys.executable).with_name("saesim"))
    ddp = ["--trainer.devices=2", "--trainer.strategy=ddp", f"{where}={two}"]
    run = subprocess.run(
        [saesim, "predict", *common, *writer, *ddp],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    assert len(list(two.iterdir())) == 4
    torch.testing.assert_close(dense(two, "a"), dense(one, "a"), rtol=0, atol=0)
    assert (dense(one, "a") > 0).any()
    for name, values in table(one / "a-statistics.arrow").items():
        twice = torch.tensor(table(two / "a-statistics.arrow")[name])
        torch.testing.assert_close(twice, torch.tensor(values), equal_nan=True)
