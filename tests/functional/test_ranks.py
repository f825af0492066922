"""Average ranks against scipy, where rounding to fit the sort would show."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from saesim_pl.functional.geometry.ranks import _average_ranks_by_sorting, average_ranks

RNG = np.random.default_rng(0)
VALUES = {
    "distinct": RNG.standard_normal(5000),
    "many_ties": RNG.integers(0, 30, 5000).astype(float),
    "all_equal": np.full(100, 3.0),
    "two_values": np.array([2.0, 1.0]),
    "one_value": np.array([2.0]),
    # Rounded to the bits left beside a position, most of these are one value; some are truly tied.
    "outlier": np.concatenate([[1e18], RNG.standard_normal(3000), np.zeros(500), RNG.standard_normal(500)]),
    "neighbours": 1 + RNG.permutation(4000) * 2.0**-43,
    "denormal": RNG.permutation(200) * 5e-324,
    "signed_zeros": np.array([0.0, -0.0, 1.0, -1.0, -0.0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_ranks_are_exact(name: str) -> None:
    values = torch.from_numpy(VALUES[name])
    np.testing.assert_array_equal(average_ranks(values).numpy(), rankdata(values.numpy()) - 1)
    np.testing.assert_array_equal(_average_ranks_by_sorting(values).numpy(), rankdata(values.numpy()) - 1)


@pytest.mark.parametrize("bits", [1, 3, 40])
def test_values_parted_by_rounding_share_their_rank(bits: int) -> None:
    exact = RNG.integers(1, 50, 4000) / 7 * 2.0**-bits
    noisy = torch.from_numpy(exact * (1 + RNG.integers(-8, 9, 4000) * np.finfo(float).eps))
    expected = rankdata(exact) - 1
    np.testing.assert_array_equal(average_ranks(noisy).numpy(), expected)
    np.testing.assert_array_equal(_average_ranks_by_sorting(noisy).numpy(), expected)
