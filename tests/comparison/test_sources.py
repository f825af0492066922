import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from saesim_pl.comparison.sources import feature_sets
from saesim_pl.data.reopen import reopen_data
from saesim_pl.interop.load_sae import load_sae, load_saes
from saesim_pl.training import SAECohort
from tests.comparison.conftest import DATA, save_run

MATRIX = torch.arange(12.0).reshape(3, 4)


def test_an_sae_of_a_run_is_the_trained_one(run: Path) -> None:
    [found] = feature_sets(f"{run}:a")
    cohort = SAECohort.load_from_checkpoint(run / "checkpoints" / "last.ckpt")
    assert found.name == "a"
    assert torch.equal(found.directions, cohort.saes["a"].dictionary)
    assert torch.equal(found.encoder, cohort.saes["a"].W_enc.T)
    batch = {"a": torch.randn(5, 16), "b": torch.randn(5, 16)}
    assert torch.equal(found.latents(batch), cohort.saes["a"].encode(batch["a"]))


def test_latents_are_those_of_normalized_activations(rotated_run: Path) -> None:
    [found] = feature_sets(f"{rotated_run}:b")
    data = reopen_data(rotated_run)
    served = data.batch("validate", 0, 0)["b"]
    raw = data.rows("validate", 0, 0, data.share("validate", 0, 0, 1))
    assert not torch.allclose(raw["b"], served)
    expected = load_sae(rotated_run, "b").encode(served)
    torch.testing.assert_close(found.latents(raw), expected, rtol=1e-5, atol=1e-6)


def test_a_run_gives_all_its_saes_and_a_checkpoint_too(run: Path) -> None:
    assert [one.name for one in feature_sets(str(run))] == ["a", "b"]
    assert [one.name for one in feature_sets(str(run / "checkpoints" / "last.ckpt"))] == ["a", "b"]
    assert [one.name for one in feature_sets(f"old={run}:b")] == ["old"]


def test_true_features_have_groups(run: Path) -> None:
    truth_a, truth_b = feature_sets(f"{run}:truth")
    assert [truth_a.name, truth_b.name] == ["truth_a", "truth_b"]
    assert truth_a.groups["shared"].sum() == 12  # half of 24
    assert (truth_a.groups["shared"] ^ truth_a.groups["unshared"]).all()
    assert feature_sets(f"{run}:truth/b")[0].ids.tolist() == truth_b.ids.tolist()


def test_clusters_are_groups(tmp_path: Path) -> None:
    from saesim_pl.truth.true_features import TrueFeatures

    truth = TrueFeatures(torch.eye(4), torch.arange(4), clusters=torch.tensor([0, -1, 2, 0]))
    truth.save(tmp_path / "true_features" / "x.safetensors")
    [found] = feature_sets(f"{tmp_path}:truth")
    assert found.name == "truth"
    assert {name: mask.tolist() for name, mask in found.groups.items()} == {
        "cluster_0": [True, False, False, True],
        "cluster_2": [False, False, True, False],
    }


def test_one_space_within_a_run_and_between_runs_on_the_same_data(run: Path, tmp_path: Path) -> None:
    # Another number of samples, but the same true features.
    other = save_run(tmp_path / "other", samples_per_epoch=512, batch_size=128)
    third = save_run(tmp_path / "third", seed=1)
    spaces = {one.space for spec in (run, f"{run}:truth", other) for one in feature_sets(str(spec))}
    assert len(spaces) == 1
    assert feature_sets(f"{third}:a")[0].space not in spaces


def test_streams_that_were_rotated_have_spaces_of_their_own(rotated_run: Path) -> None:
    a, b = feature_sets(str(rotated_run))
    truth_a, truth_b = feature_sets(f"{rotated_run}:truth")
    assert a.space == truth_a.space != b.space == truth_b.space


def test_a_run_without_a_configuration_is_a_space_of_its_own(run: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes((run / "checkpoints" / "last.ckpt").read_bytes())
    [bare], [known] = feature_sets(f"{tmp_path}:a"), feature_sets(f"{run}:a")
    assert bare.space != known.space


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_matrices_are_read_as_they_are_said_to_lie(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "w.npy", MATRIX.numpy().astype(dtype))
    [rows], [columns] = feature_sets(f"{tmp_path}/w.npy:rows"), feature_sets(f"{tmp_path}/w.npy:columns")
    assert torch.equal(rows.directions.float(), MATRIX)
    assert torch.equal(columns.directions.float(), MATRIX.T)
    assert rows.space is None
    assert rows.name == "w"


def test_tensors_in_safetensors_and_pt(tmp_path: Path) -> None:
    save_file({"dec.weight": MATRIX, "rows": MATRIX + 1}, tmp_path / "w.safetensors")
    torch.save({"model": {"dec.weight": MATRIX.bfloat16()}}, tmp_path / "w.pt")
    torch.save(MATRIX, tmp_path / "one.pt")
    [named] = feature_sets(f"{tmp_path}/w.safetensors:dec.weight:columns")
    assert torch.equal(named.directions, MATRIX.T)
    assert named.name == "dec_weight"
    assert torch.equal(feature_sets(f"{tmp_path}/w.safetensors:rows:rows")[0].directions, MATRIX + 1)
    [nested] = feature_sets(f"{tmp_path}/w.pt:model.dec.weight:rows")
    assert torch.equal(nested.directions, MATRIX)
    assert torch.equal(feature_sets(f"x={tmp_path}/one.pt:rows")[0].directions, MATRIX)


class _Code:
    def __reduce__(self):
        return (Path("CALLED").touch, ())


def _damaged(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("w.npy", r"shape \(3, 4\): say whether features are its rows or its columns"),
        ("none.npy:rows", "there is no such file"),
        ("w.npy:key:rows", "holds one array, no 'key'"),
        ("cube.npy:rows", "not that of a matrix"),
        ("nan.npy:rows", "1 entries that are NaN"),
        ("object.npy:rows", "holds no array of numbers"),
        ("cut.npy:rows", "holds no array of numbers"),
        ("cut.safetensors:rows", "is no safetensors file"),
        ("two.safetensors:rows", "holds 2 tensors: name one of x, y"),
        ("two.safetensors:z:rows", "holds no tensor 'z': name one of x, y"),
        ("code.pt:rows", "is damaged, or holds more than tensors"),
        ("empty.pt:rows", "holds no tensor"),
        ("nowhere:a", "there is no such run or checkpoint"),
        ("nowhere", "there is no such run, checkpoint or matrix"),
    ],
)
def test_bad_files_are_named(spec: str, message: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", MATRIX.numpy())
    np.save("cube.npy", np.zeros((2, 2, 2)))
    np.save("nan.npy", np.array([[1.0, np.nan]]))
    np.save("object.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save("cut.npy", np.zeros((30, 30)))
    save_file({"x": torch.zeros(30, 30)}, "cut.safetensors")
    _damaged(Path("cut.npy"))
    _damaged(Path("cut.safetensors"))
    save_file({"x": MATRIX, "y": MATRIX + 1}, "two.safetensors")
    torch.save({"x": _Code()}, "code.pt")
    torch.save({"x": 1}, "empty.pt")
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        feature_sets(spec)
    assert spec.split(":")[0] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("CALLED").exists()


@pytest.mark.parametrize(
    ("which", "message"),
    [
        (":c", "has no SAE 'c', only a, b"),
        (":truth/c", "no true features of stream 'c', only of a, b"),
    ],
)
def test_unknown_names_say_which_there_are(run: Path, which: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        feature_sets(f"{run}{which}")
    with pytest.raises(ValueError, match=r"several SAEs: name one of a, b"):
        load_sae(run)


def test_a_folder_of_runs_names_them(run: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"it holds the runs {run}"):
        feature_sets(f"{run.parent}:a")


@pytest.mark.parametrize(
    "block",
    [
        {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "CALLED"]}},
        {"class_path": "side_effects.Data"},
        {"class_path": "saesim_pl.training.SAECohort"},
        {
            "class_path": "saesim_pl.data.SyntheticActivations",
            "init_args": {"seed": {"class_path": "os.getpid"}},
        },
        {
            "class_path": "saesim_pl.data.SyntheticActivations",
            "init_args": {"directions": {"class_path": "lightning.pytorch.Trainer"}},
        },
        {
            "class_path": "saesim_pl.data.SyntheticActivations",
            "init_args": {"directions": "side_effects.Data"},
        },
        {"class_path": "saesim_pl.data.SyntheticActivations", "init_args": {"d_inn": 3}},
        {"init_args": {}},
        3,
    ],
    ids=str,
)
def test_a_configuration_names_data_and_nothing_else(block, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "side_effects.py").write_text("open('CALLED', 'w')\nclass Data: pass\n")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"data": block}))
    with pytest.raises(ValueError, match=r"config\.yaml"):
        reopen_data(tmp_path)
    assert not (tmp_path / "CALLED").exists()
    assert "side_effects" not in sys.modules


@pytest.mark.parametrize(
    "class_path", ["saesim_pl.data.SyntheticActivations", "saesim_pl.SyntheticActivations"]
)
def test_data_are_made_again_with_their_parts(class_path: str, tmp_path: Path) -> None:
    parts = {"magnitudes": {"class_path": "saesim_pl.truth.UniformMagnitudes"}, "stream_names": ["x"]}
    block = {"class_path": class_path, "init_args": {**DATA, **parts}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"data": block}))
    assert reopen_data(tmp_path).streams == {"x": 16}


def test_weights_of_another_shape_are_refused(run: Path, tmp_path: Path) -> None:
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    content["state_dict"]["saes.a.W_dec"] = torch.zeros(3, 16)
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(ValueError, match=r"x\.ckpt: the weights of SAE 'a'"):
        load_saes(tmp_path / "x.ckpt")
