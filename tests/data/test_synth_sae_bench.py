from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from saesim_pl.data import SynthSAEBenchActivations
from tests.data.synth_sae_bench_folder import CORRELATION, D_IN, N, node, weights, write

N_CHUNKS = 40


def dense(data: SynthSAEBenchActivations) -> np.ndarray:
    """Magnitudes of 40 chunks, (samples, features)."""
    chunks = []
    for index in range(N_CHUNKS):
        fired = data.firings("train", 0, index, slice(0, 1024))["a"]
        table = np.zeros((1024, len(data.true_features["a"].ids)))
        sample = np.repeat(np.arange(1024), np.diff([*fired.offsets.tolist(), len(fired.feature)]))
        table[sample, fired.feature.numpy()] = fired.magnitude.numpy()
        chunks.append(table)
    return np.concatenate(chunks)


def assert_rates(on: np.ndarray, rates: np.ndarray, error: float = 4.5) -> None:
    """Shares of ``on`` are ``rates`` within so many standard errors."""
    deviation = np.sqrt(np.maximum(rates * (1 - rates), 1e-12) / len(on))
    assert np.abs((on.mean(0) - rates) / deviation).max() < error


def test_activations_are_the_bias_and_the_firing_vectors(tmp_path: Path) -> None:
    data = SynthSAEBenchActivations(write(tmp_path, std_firing_magnitudes=0.5), seed=1)
    batch = data.batch("train", 0, 0)["a"]
    magnitudes = torch.from_numpy(dense(data)[:1024]).float()
    given = weights()
    torch.testing.assert_close(batch, magnitudes @ given["feature_vectors"] + given["bias"])
    truth = data.true_features["a"]
    torch.testing.assert_close(truth.directions, given["feature_vectors"])
    assert truth.ids.tolist() == list(range(N))
    assert truth.parents is None
    assert truth.clusters is None
    assert data.same_space
    assert data.streams == {"a": D_IN}


def test_vectors_of_any_norm_have_unit_directions(tmp_path: Path) -> None:
    scaled = weights()["feature_vectors"] * torch.linspace(0.5, 3, N)[:, None]
    data = SynthSAEBenchActivations(write(tmp_path, tensors={"feature_vectors": scaled}))
    torch.testing.assert_close(data.true_features["a"].directions, weights()["feature_vectors"])
    magnitudes = torch.from_numpy(dense(data)[:1024]).float()
    torch.testing.assert_close(data.batch("train", 0, 0)["a"], magnitudes @ scaled + weights()["bias"])


def test_independent_rates_are_the_saved_ones(tmp_path: Path) -> None:
    probabilities = torch.tensor([1.0, 0.9, 0.5, 0.2, 0.1, 0.02, 0.001, 0.0])
    data = SynthSAEBenchActivations(write(tmp_path, tensors={"firing_probabilities": probabilities}))
    on = dense(data) > 0
    assert_rates(on[:, 1:], probabilities[1:].double().numpy())
    assert on[:, 0].all()
    assert not on[:, 7].any()
    torch.testing.assert_close(data.true_features["a"].frequencies, probabilities.double())
    correlation = np.corrcoef(on[:, 1:6].T)[~np.eye(5, dtype=bool)]
    assert np.abs(correlation).max() < 4.5 / np.sqrt(len(on))


def test_magnitudes_below_0_are_no_firings(tmp_path: Path) -> None:
    deviations = {"generator_name": "linear", "start": 0.1, "end": 2.0}
    data = SynthSAEBenchActivations(write(tmp_path, std_firing_magnitudes=deviations))
    std, probabilities = np.linspace(0.1, 2, N), np.linspace(0.5, 0.1, N)
    magnitudes = dense(data)
    assert_rates(magnitudes > 0, probabilities * ndtr(1 / std))
    np.testing.assert_allclose(data.true_features["a"].frequencies, probabilities * ndtr(1 / std), rtol=1e-6)
    for i in range(N):
        fired = magnitudes[magnitudes[:, i] > 0, i]
        normal = 1 + std[i] * np.random.default_rng(i).standard_normal(10**6)
        normal = normal[normal > 0]
        assert fired.mean() == pytest.approx(normal.mean(), abs=4.5 * fired.std() / len(fired) ** 0.5)
        assert fired.std() == pytest.approx(normal.std(), rel=0.06)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (2, np.full(N, 2.0)),
        (0.5, np.full(N, 0.5)),
        ({"generator_name": "constant", "value": 1.5}, np.full(N, 1.5)),
        ({"generator_name": "linear", "start": 2, "end": 1.0}, np.linspace(2, 1, N)),
        ({"generator_name": "exponential", "start": 4.0, "end": 1.0}, np.geomspace(4, 1, N)),
        (
            {"generator_name": "folded_normal", "mean": 1.0, "std": 0.5, "min_value": 0.8, "max_value": None},
            (1 + 0.5 * torch.randn(N, generator=torch.Generator().manual_seed(5)))
            .abs()
            .clamp(min=0.8)
            .numpy(),
        ),
    ],
)
def test_mean_magnitudes_come_from_the_config(tmp_path: Path, given: object, expected: np.ndarray) -> None:
    magnitudes = dense(SynthSAEBenchActivations(write(tmp_path, mean_firing_magnitudes=given)))
    np.testing.assert_allclose(magnitudes.max(0), expected, rtol=1e-6)
    assert ((magnitudes == 0) | np.isclose(magnitudes, expected)).all()


def test_a_model_without_a_seed_takes_that_of_the_data(tmp_path: Path) -> None:
    folder = write(tmp_path, seed=None, mean_firing_magnitudes={"generator_name": "folded_normal"})
    first, again, other = (SynthSAEBenchActivations(folder, seed=seed) for seed in (0, 0, 1))
    locations = [data._samplers[0].magnitudes.locations for data in (first, again, other)]
    assert np.array_equal(locations[0], locations[1])
    assert not np.allclose(locations[0], locations[2])


@pytest.mark.parametrize("variance", [1.0, 1.7])
def test_correlated_features_fire_together_at_their_rates(tmp_path: Path, variance: float) -> None:
    strength = torch.linspace(-0.8, 0.8, N)
    tensors = {
        "correlation_factor": strength[:, None] * variance**0.5,
        "correlation_diag": (1 - strength**2) * variance,
    }
    config = {"correlation": {"rank": 1}, "std_firing_magnitudes": 0.8}
    data = SynthSAEBenchActivations(write(tmp_path, tensors=tensors, **config))
    rng, s = np.random.default_rng(0), strength.numpy()
    z = rng.standard_normal((400_000, 1)) * s + rng.standard_normal((400_000, N)) * np.sqrt(1 - s**2)
    crosses = ndtr(z * variance**0.5) > 1 - np.linspace(0.5, 0.1, N)
    reference = crosses & (1 + 0.8 * rng.standard_normal(crosses.shape) > 0)
    frequencies = data.true_features["a"].frequencies.numpy()
    assert_rates(reference, frequencies)
    on = dense(data) > 0
    assert_rates(on, frequencies)
    np.testing.assert_allclose(np.cov(on.T), np.cov(reference.T), atol=0.006)
    assert np.abs(np.cov(reference.T)[0, 1:]).max() > 0.05


def hierarchical(tmp_path: Path, scale: bool, tensors: dict | None = None) -> SynthSAEBenchActivations:
    # 0 has the exclusive children 1, 2 and 3; 4 is below 3; 5 is a root and above 6.
    roots = [
        node(
            0,
            node(1),
            node(2),
            node(3, node(4), scale=scale),
            exclusive=True,
            scale=scale,
        ),
        node(None, node(5, node(None, node(6), scale=scale), scale=scale)),
    ]
    probabilities = torch.tensor([0.6, 0.5, 0.4, 0.9, 1.0, 0.5, 0.5, 0.3])
    tensors = {"firing_probabilities": probabilities} | (tensors or {})
    means = {"generator_name": "linear", "start": 1.0, "end": 2.0}
    config = {"hierarchy": {}, "mean_firing_magnitudes": means, "std_firing_magnitudes": 0.6}
    return SynthSAEBenchActivations(write(tmp_path, roots, tensors, **config))


@pytest.mark.parametrize("tensors", [{}, CORRELATION])
def test_features_fire_below_firing_parents_and_exclude_each_other(tmp_path: Path, tensors: dict) -> None:
    data = hierarchical(tmp_path, False, tensors)
    on = dense(data) > 0
    truth = data.true_features["a"]
    assert truth.parents.tolist() == [-1, 0, 0, 0, 3, -1, 5, -1]
    for child, parent in enumerate(truth.parents.tolist()):
        assert parent < 0 or not (on[:, child] & ~on[:, parent]).any()
    assert on[:, 1:4].sum(1).max() == 1
    assert on[on[:, 5], 6].any()
    assert (on[:, 5] & on[:, 7]).any()
    # Counted frequencies have a sampling error of their own.
    assert_rates(on, truth.frequencies.numpy(), 4.5 * 1.5)


def test_independent_frequencies_in_a_hierarchy_are_exact(tmp_path: Path) -> None:
    data = hierarchical(tmp_path, False)
    kept = ndtr(np.linspace(1, 2, N) / 0.6)
    before = np.array([0.6, 0.5, 0.4, 0.9, 1.0, 0.5, 0.5, 0.3]) * kept
    rng = np.random.default_rng(0)
    on = rng.random((400_000, N)) < before
    priority = np.where(on[:, 1:4], rng.random((len(on), 3)), 0)
    on[:, 1:4] &= on[:, :1] & (priority == priority.max(1, keepdims=True))
    on[:, 4] &= on[:, 3]
    on[:, 6] &= on[:, 5]
    assert_rates(on, data.true_features["a"].frequencies.numpy())


def test_children_follow_the_magnitudes_of_their_parents(tmp_path: Path) -> None:
    plain = dense(hierarchical(tmp_path, False))
    scaled = dense(hierarchical(tmp_path, True))
    assert np.array_equal(plain > 0, scaled > 0)
    means, factor = np.linspace(1, 2, N), np.ones_like(plain)
    for child, parent in ((1, 0), (2, 0), (3, 0), (4, 3), (6, 5)):
        factor[:, child] = scaled[:, parent] / means[parent]
    np.testing.assert_allclose(scaled, plain * factor, rtol=1e-5)


def test_what_hangs_below_a_feature_that_never_fires_never_fires(tmp_path: Path) -> None:
    probabilities = torch.tensor([0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    folder = write(tmp_path, [node(0, node(1, node(2)))], {"firing_probabilities": probabilities})
    data = SynthSAEBenchActivations(folder)
    assert_rates(dense(data) > 0, np.array([0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5]))
    assert data.true_features["a"].frequencies[:3].tolist() == [0, 0, 0]
    assert data.true_features["a"].parents[:3].tolist() == [-1, 0, 1]
