import torch

from saesim_pl.data import TrueFeatures


def test_shared_features_are_those_whose_ids_occur_elsewhere() -> None:
    own, *others = (
        TrueFeatures(torch.eye(3), torch.tensor(ids)) for ids in ([4, 7, 9], [9, 1, 2], [4, 5, 6])
    )
    assert own.shared_with(*others).tolist() == [True, False, True]
    assert own.shared_with(others[0]).tolist() == [False, False, True]
    assert own.shared_with().tolist() == [False] * 3
