"""Slow views of sparse draws."""

import numpy as np

from saesim_pl.truth import Dependence
from saesim_pl.truth.dependence import FiringRates, Sampler


def sampler_of(dependence: Dependence, rates: np.ndarray, clusters: np.ndarray | None = None) -> Sampler:
    rates = np.atleast_2d(rates)
    clusters = np.full(rates.shape[1], -1) if clusters is None else clusters
    wanted = FiringRates(rates, clusters, np.zeros(rates.shape, bool))
    return dependence.sampler(wanted, np.random.default_rng(0))


def fired(sampler: Sampler, n_features: int, n_chunks: int = 40, seed: int = 0) -> np.ndarray:
    """(n_streams, n_samples, n_features) of what fires."""
    tables = []
    for chunk in range(n_chunks):
        draw = sampler.draw(1000, np.random.default_rng((seed, chunk)))
        assert np.all(np.diff(draw.cells) > 0)
        table = np.zeros((len(draw.kept), 1000 * n_features), dtype=bool)
        table[:, draw.cells] = draw.kept
        tables.append(table.reshape(len(table), 1000, n_features))
    return np.concatenate(tables, axis=1)


def assert_rates(on: np.ndarray, rates: np.ndarray, sigmas: float = 4.7) -> None:
    """Each column of (n_samples, n_features) is on as often as it should, within sampling error."""
    error = np.sqrt(rates * (1 - rates) / len(on)) + 1e-9
    assert np.abs((on.mean(0) - rates) / error).max() < sigmas
