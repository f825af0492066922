import numpy as np

from saesim_pl.truth.copula import ThresholdSampler


def test_rates_of_0_and_1_are_met() -> None:
    rates, own = np.array([[1.0, 0.3, 0.0], [0.5, 0.3, 0.0]]), np.full(3, 0.75**0.5)
    sampler = ThresholdSampler(rates, np.zeros((2, 3), dtype=bool), np.full((3, 1), 0.5), own)
    draw = sampler.draw(40_000, np.random.default_rng(0))
    for stream, kept in enumerate(draw.kept):
        measured = np.bincount(draw.cells[kept] % 3, minlength=3) / 40_000
        np.testing.assert_allclose(measured, rates[stream], atol=0.012)
        assert (measured == 1).tolist() == (rates[stream] == 1).tolist()
