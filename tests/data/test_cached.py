import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saesim_pl.data import CachedActivations
from saesim_pl.data import cached as cached_module
from saesim_pl.data.manifest import Manifest, Shard
from saesim_pl.data.shards import write_shard

CONTEXT, N_CONTEXTS = 6, 23
WIDTHS = {"low": 3, "high": 5}


def value(context: np.ndarray, position: np.ndarray) -> np.ndarray:
    return 1.0 + context * CONTEXT + position


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which each row's entries are the number of its token, plus a thousand at ``high``."""
    folder = tmp_path_factory.mktemp("cache")
    make_cache(folder)
    return folder


def make_cache(folder: Path, offset: int = 0) -> None:
    shards, first = [], 0
    for number, size in enumerate([10, 1, 12]):
        tokens = value(np.arange(first, first + size)[:, None], np.arange(CONTEXT))
        columns = {
            hook: np.repeat(tokens[..., None] + offset + 1000 * (hook == "high"), d_in, axis=2).astype(
                np.float32
            )
            for hook, d_in in WIDTHS.items()
        }
        path = folder / f"shard-00000-{number:05d}.arrow"
        told = write_shard(path, np.zeros((size, CONTEXT), dtype=np.int32), columns)
        shards.append(Shard(path.name, 0, first, size, *told))
        first += size
    Manifest("tiny", None, CONTEXT, WIDTHS, tuple(shards)).write(folder)


def plain(folder: Path, **arguments: Any) -> CachedActivations:
    return CachedActivations(str(folder), **({"normalize": "none", "batch_size": 7} | arguments))


def epoch_of(data: CachedActivations, stage: str, epoch: int, world_size: int = 1) -> torch.Tensor:
    batches = [
        data.batch(stage, epoch, index, rank, world_size)["low"][:, 0]
        for index in range(data.n_batches(stage))
        for rank in range(world_size)
    ]
    return torch.cat(batches)


def every_token(data: CachedActivations, contexts: np.ndarray) -> list[float]:
    positions = np.arange(data.skip_positions, CONTEXT)
    return sorted(value(contexts[:, None], positions).ravel().tolist())


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
    skip=st.integers(0, 2),
    block=st.sampled_from([1, 4, 256]),
    world_size=st.sampled_from([1, 2, 3]),
)
def test_each_token_is_served_once_an_epoch(
    folder: Path, seed: int, epoch: int, skip: int, block: int, world_size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cached_module, "BLOCK_CONTEXTS", block)
        cached_module._block_order.cache_clear()
        data = plain(folder, seed=seed, skip_positions=skip, batch_size=1)
        served = epoch_of(data, "train", epoch, world_size)
        cached_module._block_order.cache_clear()
    assert sorted(served.tolist()) == every_token(data, data.train_contexts)
    validated = epoch_of(data, "validate", 0, world_size)
    assert validated.tolist() == every_token(data, data.validation_contexts)


def test_validation_contexts_are_never_trained_on(folder: Path) -> None:
    data = plain(folder, validation_fraction=0.3)
    assert len(data.validation_contexts) == 7
    assert sorted([*data.train_contexts, *data.validation_contexts]) == list(range(N_CONTEXTS))


@pytest.mark.parametrize("stage", ["train", "validate"])
def test_ranks_together_serve_the_batch_of_one_process(folder: Path, stage: str) -> None:
    data = plain(folder)
    for index in range(data.n_batches(stage)):
        parts = [data.batch(stage, 1, index, rank, 2)["high"] for rank in range(2)]
        assert torch.cat(parts).equal(data.batch(stage, 1, index)["high"])


def test_batches_depend_on_seed_epoch_and_index_alone(folder: Path) -> None:
    data, again = plain(folder), plain(folder)
    later = data.batch("train", 2, 3)["low"]
    epoch_of(again, "train", 0)
    cached_module._block_order.cache_clear()
    assert again.batch("train", 2, 3)["low"].equal(later)
    assert pickle.loads(pickle.dumps(again)).batch("train", 2, 3)["low"].equal(later)
    assert not data.batch("train", 1, 3)["low"].equal(later)
    assert not plain(folder, seed=1).batch("train", 2, 3)["low"].equal(later)


@pytest.mark.parametrize("samples", [10, 40, 250])
def test_epochs_of_any_length_serve_every_token_before_one_comes_again(folder: Path, samples: int) -> None:
    data = plain(folder, batch_size=1, samples_per_epoch=samples)
    served = torch.cat([epoch_of(data, "train", epoch) for epoch in range(-(-2 * data.n_train // samples))])
    for turn in range(2):
        once = served[turn * data.n_train : (turn + 1) * data.n_train]
        assert sorted(once.tolist()) == every_token(data, data.train_contexts)


def test_streams_are_aligned_and_their_widths_known(folder: Path) -> None:
    data = plain(folder, hooks={"a": "low", "b": "high", "c": "low"})
    assert data.streams == {"a": 3, "b": 5, "c": 3}
    assert (data.aligned, data.same_space, data.true_features) == (True, False, None)
    batch = data.batch("train", 0, 0)
    assert {name: rows.shape for name, rows in batch.items()} == {"a": (7, 3), "b": (7, 5), "c": (7, 3)}
    assert batch["b"].eq(batch["a"][:, :1] + 1000).all()
    assert CachedActivations(str(folder), batch_size=7).streams == WIDTHS


def test_normalised_streams_have_mean_norm_sqrt_d_in(folder: Path) -> None:
    data = CachedActivations(str(folder), batch_size=data_size(folder))
    batch, raw = data.batch("train", 0, 0), plain(folder, batch_size=data_size(folder)).batch("train", 0, 0)
    for stream, d_in in WIDTHS.items():
        assert batch[stream].norm(dim=1).mean().item() == pytest.approx(d_in**0.5, rel=1e-5)
        torch.testing.assert_close(batch[stream] * data.normalizations[stream].scale, raw[stream])


def data_size(folder: Path) -> int:
    return plain(folder).n_train


def test_workers_serve_what_the_training_process_would(folder: Path) -> None:
    data, workers = plain(folder), plain(folder, num_workers=1)
    for ours, theirs in zip(data.val_dataloader(), workers.val_dataloader(), strict=True):
        assert ours["low"].equal(theirs["low"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hooks": {"a": "middle"}}, r"stream 'a': .* has no hook 'middle', only \['high', 'low'\]"),
        ({"hooks": {}}, "hooks is empty"),
        ({"skip_positions": 6}, "skip_positions is 6 of 6"),
        ({"validation_fraction": 0.0}, "holds 0 of 23 contexts out"),
        ({"validation_fraction": 1.0}, "holds 23 of 23 contexts out"),
        ({"batch_size": 1000}, "an epoch of 105 tokens has no batch of 1000"),
        ({"normalize": "layer_norm"}, "normalize must be one of none, .*, got 'layer_norm'"),
    ],
)
def test_wrong_arguments_are_refused(folder: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plain(folder, **arguments)


@pytest.mark.parametrize("file", ["../outside.arrow", "/etc/hostname", "..", "link.arrow"])
def test_shards_outside_the_folder_are_refused(tmp_path: Path, file: str) -> None:
    inside = tmp_path / "cache"
    inside.mkdir()
    make_cache(inside)
    (inside / "shard-00000-00000.arrow").rename(tmp_path / "outside.arrow")
    (inside / "link.arrow").symlink_to(tmp_path / "outside.arrow")
    edit(inside, lambda manifest: manifest["shards"][0].update(file=file))
    with pytest.raises(ValueError, match="lies outside"):
        plain(inside)


def test_damaged_caches_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no manifest\.json in .*saesim predict"):
        plain(tmp_path)
    make_cache(tmp_path)
    shard = tmp_path / "shard-00000-00001.arrow"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=rf"has {len(whole) - 100} bytes, the manifest says {len(whole)}"):
        plain(tmp_path)
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=r"00001\.arrow is missing"):
        plain(tmp_path)
    shard.write_bytes(whole)
    edit(
        tmp_path,
        lambda manifest: (
            manifest["shards"][1].update(n_contexts=2),
            manifest["shards"][2].update(first_context=12),
            manifest.update(n_contexts=24),
        ),
    )
    with pytest.raises(ValueError, match="holds 1 contexts, the manifest says 2"):
        plain(tmp_path)
    edit(tmp_path, lambda manifest: manifest.update(n_contexts=5))
    with pytest.raises(ValueError, match="names 5 contexts, its shards hold 24"):
        plain(tmp_path)
    edit(tmp_path, lambda manifest: manifest.update(format_version=3))
    with pytest.raises(ValueError, match=r"it is \('saesim-pl activations', 3\)"):
        plain(tmp_path)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # in the rows of the wider hook
    path.write_bytes(content)


def zeroed(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(64) + content[len(content) // 2 + 64 :])


def headless(path: Path) -> None:
    path.write_bytes(b"\xff" * 200 + path.read_bytes()[200:])


def integers(path: Path) -> None:
    """The same bits, said to be integers."""
    path.write_bytes(path.read_bytes().replace(b"float32", b"int32  "))


def of_another_cache(path: Path) -> None:
    other = path.parent / "other"
    other.mkdir()
    make_cache(other, offset=1)
    (other / path.name).replace(path)


@pytest.mark.parametrize("damage", [flipped, zeroed, headless, integers, of_another_cache])
@pytest.mark.parametrize("workers", [0, 1])
def test_damaged_rows_are_refused_and_the_file_is_named(damage: Any, workers: int, tmp_path: Path) -> None:
    make_cache(tmp_path)
    damage(tmp_path / "shard-00000-00002.arrow")
    with pytest.raises(ValueError, match=r"shard-00000-00002\.arrow( is damaged| is no shard|: .* holds)"):
        list(plain(tmp_path, num_workers=workers).train_dataloader())


def test_shards_that_are_swapped_or_repeated_are_refused(tmp_path: Path) -> None:
    make_cache(tmp_path)
    names = [tmp_path / f"shard-00000-0000{number}.arrow" for number in (0, 2)]
    whole = (tmp_path / "manifest.json").read_text()
    edit(tmp_path, lambda manifest: manifest["shards"].reverse())
    with pytest.raises(ValueError, match=r"shard 0, shard-00000-00002\.arrow, begins with context 11"):
        plain(tmp_path)
    (tmp_path / "manifest.json").write_text(whole)
    again = {"file": "shard-00000-00002.arrow", "first_context": 23}
    edit(tmp_path, lambda manifest: manifest["shards"].append(manifest["shards"][2] | again))
    edit(tmp_path, lambda manifest: manifest.update(n_contexts=35))
    with pytest.raises(ValueError, match=r"manifest\.json names a shard twice"):
        plain(tmp_path)
    (tmp_path / "manifest.json").write_text(whole)
    edit(tmp_path, lambda manifest: manifest.update(dtype="float16"))
    with pytest.raises(ValueError, match="dtype is 'float16', expected 'float32'"):
        plain(tmp_path)
    assert all(name.exists() for name in names)


def test_a_shard_is_looked_at_once_by_all_workers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = plain(folder, num_workers=1)
    assert len(list(data.train_dataloader())) == data.n_batches("train")
    monkeypatch.setattr("saesim_pl.data.shard_reader.checksum_of", None)
    assert len(epoch_of(data, "train", 1)) == data.n_batches("train") * 7


def test_a_cache_without_checksums_is_read(tmp_path: Path) -> None:
    make_cache(tmp_path)
    edit(tmp_path, lambda manifest: [shard.pop("checksum") for shard in manifest["shards"]])
    edit(tmp_path, lambda manifest: manifest.update(format_version=1))
    data = plain(tmp_path)
    assert sorted(epoch_of(plain(tmp_path, batch_size=1), "train", 0).tolist()) == every_token(
        data, data.train_contexts
    )


@pytest.mark.parametrize("max_maps", [3, 2**14])
def test_a_thousand_shards_need_neither_files_nor_maps(max_maps: int, tmp_path: Path) -> None:
    path = tmp_path / "shard-00000-00000.arrow"
    rows = np.arange(CONTEXT * 3, dtype=np.float32).reshape(1, CONTEXT, 3)
    told = write_shard(path, np.zeros((1, CONTEXT), dtype=np.int32), {"low": rows})
    for number in range(1, 1100):
        os.link(path, tmp_path / f"shard-00000-{number:05d}.arrow")
    shards = [Shard(f"shard-00000-{number:05d}.arrow", 0, number, 1, *told) for number in range(1100)]
    Manifest("tiny", None, CONTEXT, {"low": 3}, tuple(shards)).write(tmp_path)
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
import torch
from saesim_pl.data import CachedActivations, shard_reader
shard_reader.MAX_MAPS = {max_maps}
data = CachedActivations({str(tmp_path)!r}, batch_size=500, normalize="none")
read = sum(len(data.batch("train", 0, index)["low"]) for index in range(data.n_batches("train")))
assert len(data.reader._views) == min(1100, {max_maps})
print(read, data.batch("train", 0, 0)["low"].max().item())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["4500", "17.0"]


def edit(folder: Path, change: Any) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_a_validation_document_is_a_context(folder: Path) -> None:
    data = plain(folder, skip_positions=2)
    rows = epoch_of(data, "validate", 0)
    documents = (rows - 1).div(CONTEXT, rounding_mode="floor").reshape(-1, data.document_rows)
    assert len(documents) == len(data.validation_contexts)
    assert (documents == documents[:, :1]).all()
    assert len(documents[:, 0].unique()) == len(documents)
