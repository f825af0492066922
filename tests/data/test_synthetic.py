import numpy as np
import pytest
import torch

from saesim_pl.data import SyntheticActivations
from saesim_pl.data.firing import Categorical, FiringSampler, draw_magnitudes


def pair(**kwargs) -> SyntheticActivations:
    return SyntheticActivations(**{"d_in": 24, "n_features": 40, "mean_active": 4.0} | kwargs)


def firings(data: SyntheticActivations, n_chunks: int = 40) -> list[np.ndarray]:
    """Dense magnitudes (samples, ids) of each stream: the slow view of the sparse draw."""
    dense = []
    for stream in range(len(data.streams)):
        chunks = []
        for index in range(n_chunks):
            drawn = data._draw("train", 0, index, 0)[stream]
            n_samples = len(drawn.offsets)
            table = np.zeros((n_samples, len(data._directions)))
            sample = np.repeat(np.arange(n_samples), np.diff([*drawn.offsets.tolist(), len(drawn.feature)]))
            np.add.at(table, (sample, drawn.feature.numpy()), drawn.magnitude.numpy())
            chunks.append(table)
        dense.append(np.concatenate(chunks))
    return dense


@pytest.mark.parametrize("aligned", [False, True])
def test_measured_rates_are_the_configured_ones(aligned: bool) -> None:
    data = pair(aligned=aligned)
    for dense, (name, features) in zip(firings(data), data.true_features.items(), strict=True):
        rates = data.firing_rates[name]
        measured = torch.from_numpy((dense > 0).mean(0))[features.ids]
        error = (rates * (1 - rates) / len(dense)).sqrt()
        assert ((measured - rates) / error).abs().max() < 4.5
        assert rates.sum().item() == pytest.approx(4.0)
        assert rates.max() / rates.min() == pytest.approx(3.0)


def test_features_fire_independently() -> None:
    on = firings(pair())[0][:, :40] > 0
    correlation = np.corrcoef(on.T)[~np.eye(40, dtype=bool)]
    assert np.abs(correlation).max() < 5 / np.sqrt(len(on))
    counts = on.sum(1)
    assert counts.var() == pytest.approx(sum(p * (1 - p) for p in on.mean(0)), rel=0.05)


def test_a_batch_is_the_sum_of_its_directions() -> None:
    data = pair(batch_size=1024)
    batch = data.batch("train", 0, 3)
    dense = [torch.from_numpy(d).float() for d in firings(data, 4)]
    for name, table in zip(data.streams, dense, strict=True):
        torch.testing.assert_close(batch[name], table[-1024:] @ data._directions, atol=1e-5, rtol=1e-5)


def test_later_streams_share_the_given_fraction_at_other_rates() -> None:
    data = pair(shared_fraction=0.25, stream_names=["a", "b", "c"])
    a, b, c = data.true_features.values()
    assert a.shared_with(b).sum() == b.shared_with(a).sum() == c.shared_with(a).sum() == 10
    assert len(torch.cat([a.ids, b.ids]).unique()) == 70
    both = a.ids[a.shared_with(b)]
    for feature in both:
        rows = a.directions[a.ids == feature], b.directions[b.ids == feature]
        assert torch.equal(*rows)
    rates = [data.firing_rates[n][torch.isin(data.true_features[n].ids, both)] for n in "ab"]
    assert not torch.allclose(*rates)
    assert not torch.isin(b.ids[~b.shared_with(a)], c.ids).any()


def test_aligned_streams_share_draws_and_unaligned_ones_do_not() -> None:
    for aligned in (True, False):
        data = pair(aligned=aligned)
        a, b = firings(data)
        shared = data.true_features["a"].ids[data.true_features["a"].shared_with(data.true_features["b"])]
        together = ((a[:, shared] > 0) & (b[:, shared] > 0)).mean(0)
        rates = (a[:, shared] > 0).mean(0), (b[:, shared] > 0).mean(0)
        if aligned:
            assert np.allclose(together, np.minimum(*rates), atol=0.01)
            on = (a > 0) & (b > 0)
            assert np.array_equal(a[on], b[on])
        else:
            assert np.allclose(together, rates[0] * rates[1], atol=0.01)


@pytest.mark.parametrize("law", ["constant", "uniform", "half_normal", "exponential"])
def test_magnitudes_have_unit_mean_square(law: str) -> None:
    drawn = draw_magnitudes(law, 200_000, np.random.default_rng(0))
    assert drawn.min() >= 0
    assert (drawn.astype(float) ** 2).mean() == pytest.approx(1, abs=0.02)


def test_categorical_draws_in_proportion() -> None:
    weights = np.array([5.0, 0.0, 1.0, 3.0, 1.0])
    drawn = Categorical(weights).draw(200_000, np.random.default_rng(0))
    assert np.bincount(drawn, minlength=5) / 200_000 == pytest.approx(weights / 10, abs=0.005)


def test_a_high_rate_is_met_exactly() -> None:
    [drawn] = FiringSampler(np.array([[0.9, 0.05]]), "constant").draw(40_000, np.random.default_rng(0))
    assert np.bincount(drawn.feature) / 40_000 == pytest.approx([0.9, 0.05], abs=0.01)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("d_in", 0, "d_in must be at least 1, got 0"),
        ("shared_fraction", 1.5, r"shared_fraction must lie in \[0, 1\], got 1.5"),
        ("shared_fraction", 0.001, "shared_fraction=0.001 of 40 features shares none"),
        ("mean_active", 30.0, "mean_active=30.0"),
        ("magnitude", "gamma", "magnitude must be one of .* got 'gamma'"),
        ("samples_per_epoch", 10, "samples_per_epoch=10 gives no batch of 1024"),
        ("stream_names", ["a", "a"], "stream_names must differ"),
        ("batch_size", 0, "batch_size must be at least 1, got 0"),
    ],
)
def test_bad_parameters_are_refused(argument: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pair(**{argument: value})
