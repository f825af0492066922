import pytest
import torch
from safetensors.torch import save_file

from saesim_pl.truth import TrueFeatures


def test_shared_features_are_those_whose_ids_occur_elsewhere() -> None:
    own, *others = (
        TrueFeatures(torch.eye(3), torch.tensor(ids)) for ids in ([4, 7, 9], [9, 1, 2], [4, 5, 6])
    )
    assert own.shared_with(*others).tolist() == [True, False, True]
    assert own.shared_with(others[0]).tolist() == [False, False, True]
    assert own.shared_with().tolist() == [False] * 3


def test_all_that_is_known_comes_back_from_a_file(tmp_path) -> None:
    full = TrueFeatures(
        torch.eye(3),
        torch.tensor([4, 7, 9]),
        torch.tensor([0, 0, -1]),
        torch.tensor([-1, 4, 4]),
        torch.tensor([0.5, 0.2, 0.1]),
    )
    for name, features in {"full": full, "bare": TrueFeatures(torch.eye(3)[:, :2], torch.arange(3))}.items():
        path = tmp_path / "deep" / f"{name}.safetensors"
        features.save(path)
        again = TrueFeatures.load(path)
        for field in ("directions", "ids", "clusters", "parents", "frequencies"):
            saved, read = getattr(features, field), getattr(again, field)
            assert (saved is read is None) or torch.equal(saved, read)
    assert not list(tmp_path.glob("**/*.part"))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weights": torch.eye(2)}, r"holds \['weights'\], not true features"),
        ({"directions": torch.eye(2), "ids": torch.arange(3)}, "rows of different numbers"),
    ],
)
def test_other_files_are_refused(tensors: dict, message: str, tmp_path) -> None:
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=message):
        TrueFeatures.load(tmp_path / "x.safetensors")
    (tmp_path / "garbage.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="is no safetensors file"):
        TrueFeatures.load(tmp_path / "garbage.safetensors")
    with pytest.raises(FileNotFoundError):
        TrueFeatures.load(tmp_path / "missing.safetensors")
