import numpy as np
import pytest

from saesim_pl.truth.categorical import Categorical


def test_draws_are_in_proportion() -> None:
    weights = np.array([5.0, 0.0, 1.0, 3.0, 1.0])
    drawn = Categorical(weights).draw(200_000, np.random.default_rng(0))
    assert np.bincount(drawn, minlength=5) / 200_000 == pytest.approx(weights / 10, abs=0.005)
