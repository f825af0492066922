import errno
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from saesim_pl.callbacks import ActivationWriter
from saesim_pl.data import TextContexts
from saesim_pl.data.cache_folder import CacheFolder
from saesim_pl.data.manifest import Manifest
from saesim_pl.data.shard_reader import ShardReader
from saesim_pl.language_models import LanguageModelActivations
from tests.processes import run_saesim

HOOKS = ["blocks.0.hook_mlp_out", "blocks.1.hook_mlp_out"]


def cache(
    model: str,
    folder: Path,
    overwrite: bool = False,
    max_contexts: int = 7,
    devices: int = 1,
    end: str = "",
) -> list | None:
    writer = ActivationWriter(str(folder), overwrite=overwrite)
    writer.shard_bytes = 2500  # one context of two hooks fits, two do not
    trainer = Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        callbacks=[writer],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    data = TextContexts(model, context_size=16, batch_size=1, max_contexts=max_contexts)
    return trainer.predict(Mortal(model, end), datamodule=data)


class Mortal(LanguageModelActivations):
    """Comes to an ``end`` before its fourth batch."""

    def __init__(self, model: str, end: str) -> None:
        super().__init__(model, ["blocks.7.hook_mlp_out"] if end == "hook" else HOOKS)
        self.end = end

    def predict_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> dict[str, torch.Tensor]:
        if batch_idx == 3 and self.end == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if batch_idx == 3 and self.end == "error":
            raise RuntimeError("a defect")
        if batch_idx == 3 and self.end == "disk":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        return super().predict_step(batch, batch_idx)


def forked(environments: list[dict[str, str]], **arguments: Any) -> list[int | None]:
    """Exit codes of ``cache`` in processes of its own, which inherit what is imported already."""

    def run(environment: dict[str, str]) -> None:
        # As in DataLoader workers: a fork has lost the threads of its parent's pool.
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        os.environ.update(environment)
        try:
            cache(**arguments)
        except OSError as error:
            sys.exit(error.errno)

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=run, args=(environment,)) for environment in environments]
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        for process in processes:
            process.start()
    for process in processes:
        process.join(60)
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def all_rows(folder: Path, hook: str) -> np.ndarray:
    manifest = Manifest.read(folder)
    reader = ShardReader(folder, manifest, [hook])
    contexts, positions = np.divmod(np.arange(manifest.n_contexts * 16), 16)
    return reader.rows(hook, contexts, positions).reshape(-1, 16, 16)


@pytest.fixture(scope="module")
def written(tiny_language_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "new" / "cache"
    assert cache(tiny_language_model, folder) is None
    return folder


@pytest.fixture(scope="module")
def expected(tiny_language_model: str) -> dict[str, torch.Tensor]:
    data = TextContexts(tiny_language_model, context_size=16, max_contexts=7)
    data.setup("predict")
    model = LanguageModelActivations(tiny_language_model, HOOKS)
    model.setup("predict")
    return model.predict_step({"token_ids": data.contexts}, 0)


def test_datasets_reads_the_layout_of_saelens(written: Path, expected: dict[str, torch.Tensor]) -> None:
    import datasets

    dataset = datasets.load_from_disk(str(written)).with_format("numpy")
    assert dataset.features == datasets.Features(
        {hook: datasets.Array2D((16, 16), "float32") for hook in HOOKS}
        | {"token_ids": datasets.Sequence(datasets.Value("int32"), length=16)}
    )
    rows = dataset[:]
    assert np.array_equal(rows["token_ids"], expected["token_ids"].numpy())
    for hook in HOOKS:
        np.testing.assert_allclose(rows[hook], expected[hook].numpy(), rtol=1e-5, atol=1e-7)


def test_memory_map_reads_the_same_rows(written: Path, expected: dict[str, torch.Tensor]) -> None:
    for hook in HOOKS:
        np.testing.assert_allclose(all_rows(written, hook), expected[hook].numpy(), rtol=1e-5, atol=1e-7)


def test_manifest_tells_what_is_there(written: Path, tiny_language_model: str) -> None:
    manifest = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    shards = manifest.pop("shards")
    assert manifest == {
        "format": "saesim-pl activations",
        "format_version": 2,
        "n_contexts": 7,
        "model": tiny_language_model,
        "text": "pydoc_data.topics",
        "context_size": 16,
        "hooks": dict.fromkeys(HOOKS, 16),
        "dtype": "float32",
    }
    assert [(shard["first_context"], shard["n_contexts"]) for shard in shards] == [(i, 1) for i in range(7)]
    assert all((written / shard["file"]).stat().st_size == shard["n_bytes"] for shard in shards)


def test_finished_cache_is_kept_unless_told_otherwise(tiny_language_model: str, tmp_path: Path) -> None:
    cache(tiny_language_model, tmp_path / "cache", max_contexts=7)
    with pytest.raises(FileExistsError, match="finished cache; set overwrite"):
        cache(tiny_language_model, tmp_path / "cache")
    assert Manifest.read(tmp_path / "cache").n_contexts == 7
    cache(tiny_language_model, tmp_path / "cache", overwrite=True, max_contexts=2)
    manifest = Manifest.read(tmp_path / "cache")
    assert manifest.n_contexts == 2
    on_disk = {path.name for path in (tmp_path / "cache").glob("shard*")}
    assert on_disk == {shard.file for shard in manifest.shards}


def test_other_files_are_never_touched(tiny_language_model: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"holds other files, such as thesis\.tex"):
        cache(tiny_language_model, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_killed_run_is_refused_on_reading_and_cleared_by_the_next(
    tiny_language_model: str, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    assert forked([{}], model=tiny_language_model, folder=folder, end="kill") == [-signal.SIGKILL]
    assert len(list(folder.glob("shard-*.arrow"))) == 2
    with pytest.raises(FileNotFoundError, match="the run that did was interrupted"):
        Manifest.read(folder)
    (folder / "shard-00000-100000.arrow.tmp").write_bytes(b"half")
    cache(tiny_language_model, folder)
    assert Manifest.read(folder).n_contexts == 7
    assert not list(folder.glob("*.tmp"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.mark.parametrize("end", ["hook", "error", "disk", "kill"])
def test_a_cache_stays_whole_until_its_successor_is(
    end: str, tiny_language_model: str, written: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(written, folder)
    before = contents(folder)
    arguments: dict[str, Any] = {"model": tiny_language_model, "folder": folder, "max_contexts": 5}
    [status] = forked([{}], overwrite=True, end=end, **arguments)
    assert status == {"hook": 1, "error": 1, "disk": errno.EFBIG, "kill": -signal.SIGKILL}[end]
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    if end != "kill":
        assert after.keys() == before.keys()
    for hook in HOOKS:
        assert np.array_equal(all_rows(folder, hook), all_rows(written, hook))
    cache(overwrite=True, **arguments)
    shards = {shard.file for shard in Manifest.read(folder).shards}
    assert Manifest.read(folder).n_contexts == 5
    assert {name for name in contents(folder) if name.startswith("shard")} == shards


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    first, second = CacheFolder(tmp_path / "cache", True), CacheFolder(tmp_path / "cache", True)
    first.look()
    second.look()
    first.begin("0" * 8)
    first.shard(0, 0).write_bytes(b"rows")
    for refused in (second.look, lambda: second.begin("1" * 8)):
        with pytest.raises(FileExistsError, match="is being written by another process"):
            refused()
    assert first.shard(0, 0).read_bytes() == b"rows"
    first.abandon()
    assert contents(tmp_path / "cache") == {}
    second.begin("1" * 8)
    second.abandon()


def test_a_cache_that_is_finished_meanwhile_is_kept(tmp_path: Path) -> None:
    first, second = CacheFolder(tmp_path / "cache", False), CacheFolder(tmp_path / "cache", False)
    for writer in (first, second):
        writer.look()
    first.begin("0" * 8)
    first.finish(Manifest("tiny", None, 16, {"hook": 4}, ()))
    before = contents(tmp_path / "cache")
    with pytest.raises(FileExistsError, match="finished cache; set overwrite"):
        second.begin("1" * 8)
    second.abandon()
    assert contents(tmp_path / "cache") == before
    CacheFolder(tmp_path / "cache", True).begin("2" * 8)  # the refused one has let go


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_cleans_up_and_says_so(
    signum: int, status: int, tiny_language_model: str, tmp_path: Path
) -> None:
    callbacks = [
        {"class_path": "ActivationWriter", "init_args": {"folder": str(tmp_path / "cache")}},
        {"class_path": "SignalAt", "init_args": {"step": 0, "during": "predict", "signum": int(signum)}},
    ]
    modules = "saesim_pl.callbacks.", "tests.processes."
    for module, callback in zip(modules, callbacks, strict=True):
        callback["class_path"] = module + str(callback["class_path"])
    model = {"model": tiny_language_model, "hooks": HOOKS}
    text = {"model": tiny_language_model, "context_size": 16, "batch_size": 1, "max_contexts": 7}
    config = {
        "model": {"class_path": "saesim_pl.language_models.LanguageModelActivations", "init_args": model},
        "data": {"class_path": "saesim_pl.data.TextContexts", "init_args": text},
        "trainer": {"logger": False, "default_root_dir": str(tmp_path), "callbacks": callbacks},
    }
    del text["model"]  # it comes from the model
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert run_saesim(tmp_path / "log.txt", "predict", f"--config={tmp_path / 'config.json'}") == status
    last_line = (tmp_path / "log.txt").read_text().strip().splitlines()[-1]
    assert re.fullmatch(r"saesim predict: ended by \S+: no new cache was made in \S+cache, .*", last_line)
    assert contents(tmp_path / "cache") == {}


def test_two_processes_write_the_rows_of_one(tiny_language_model: str, tmp_path: Path, written: Path) -> None:
    folder = tmp_path / "cache"
    together = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "NODE_RANK": "0"}
    environments = [together | {"LOCAL_RANK": str(rank)} for rank in range(2)]
    assert forked(environments, model=tiny_language_model, folder=folder, devices=2) == [0, 0]
    shards = Manifest.read(folder).shards
    assert {shard.rank for shard in shards} == {0, 1}
    assert [shard.first_context for shard in shards] == list(range(7))
    for hook in HOOKS:
        np.testing.assert_allclose(all_rows(folder, hook), all_rows(written, hook), rtol=1e-5, atol=1e-7)


def test_only_a_language_model_can_be_written(tmp_path: Path) -> None:
    writer = ActivationWriter(str(tmp_path))
    with pytest.raises(TypeError, match="needs LanguageModelActivations, got BoringModel"):
        writer.setup(Trainer(accelerator="cpu", logger=False), BoringModel(), "predict")
    with pytest.raises(ValueError, match=re.escape("shard_mb must be between 1 and 4096, got 0")):
        ActivationWriter(str(tmp_path), shard_mb=0)
