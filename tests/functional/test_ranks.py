"""Average ranks against scipy, where rounding to fit the sort would show."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from saesim_pl.functional.geometry.ranks import _average_ranks_by_unique, average_ranks

RNG = np.random.default_rng(0)
VALUES = {
    "distinct": RNG.standard_normal(5000),
    "many_ties": RNG.integers(0, 30, 5000).astype(float),
    "all_equal": np.full(100, 3.0),
    "two_values": np.array([2.0, 1.0]),
    "one_value": np.array([2.0]),
    # Rounded to the bits left beside a position, most of these are one value; some are truly tied.
    "outlier": np.concatenate([[1e18], RNG.standard_normal(3000), np.zeros(500), RNG.standard_normal(500)]),
    "neighbours": 1 + RNG.permutation(4000) * np.finfo(float).eps,
    "denormal": RNG.permutation(200) * 5e-324,
    "signed_zeros": np.array([0.0, -0.0, 1.0, -1.0, -0.0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_ranks_are_exact(name: str) -> None:
    values = torch.from_numpy(VALUES[name])
    np.testing.assert_array_equal(average_ranks(values).numpy(), rankdata(values.numpy()) - 1)
    np.testing.assert_array_equal(_average_ranks_by_unique(values).numpy(), rankdata(values.numpy()) - 1)
