import numpy as np
import pytest
import torch

from saesim_pl.data import SyntheticActivations
from saesim_pl.truth import (
    AntipodalDirections,
    CircleDirections,
    ClusteredDirections,
    ConstantMagnitudes,
    ConstantRates,
    Directions,
    GaussianCopula,
    Hierarchy,
    OneOfGroup,
    Trees,
    ZipfRates,
)


def pair(**kwargs) -> SyntheticActivations:
    sizes = {"d_in": 24, "n_features": 40, "mean_active": 4.0, "stream_names": ["a", "b"]}
    return SyntheticActivations(**sizes | kwargs)


def firings(data: SyntheticActivations, n_batches: int = 40) -> list[np.ndarray]:
    """Dense magnitudes (samples, ids) of each stream: the slow view of the sparse draw."""
    dense = {name: [] for name in data.streams}
    n_ids = 1 + max(int(truth.ids.max()) for truth in data.true_features.values())
    for index in range(n_batches):
        for name, drawn in data.firings("train", 0, index, slice(0, data.batch_size)).items():
            table = np.zeros((data.batch_size, n_ids))
            counts = np.diff([*drawn.offsets.tolist(), len(drawn.feature)])
            sample = np.repeat(np.arange(data.batch_size), counts)
            np.add.at(table, (sample, drawn.feature.numpy()), drawn.magnitude.numpy())
            dense[name].append(table)
    return [np.concatenate(tables) for tables in dense.values()]


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"dependence": GaussianCopula()},
        {"rates": ZipfRates(0.7)},
        {"dependence": OneOfGroup(n_groups=20)},
        {"dependence": OneOfGroup(), "directions": CircleDirections(4)},
    ],
)
def test_measured_rates_are_the_recorded_ones(aligned: bool, parts: dict) -> None:
    data = pair(aligned=aligned, **parts)
    for dense, features in zip(firings(data), data.true_features.values(), strict=True):
        rates = features.frequencies
        measured = torch.from_numpy((dense > 0).mean(0))[features.ids]
        error = (rates * (1 - rates) / len(dense)).sqrt()
        assert ((measured - rates) / error).abs().max() < 4.5
        assert rates.sum().item() == pytest.approx(4.0)


def test_the_first_stream_is_listed_from_the_most_to_the_least_frequent() -> None:
    frequencies = pair().true_features["a"].frequencies
    assert torch.equal(frequencies, frequencies.sort(descending=True).values)
    assert frequencies.max() / frequencies.min() == pytest.approx(3.0)


def test_a_batch_is_the_sum_of_its_directions() -> None:
    data = pair(batch_size=1024, rotate=True, bias_norm=2.0)
    plain = pair(batch_size=1024, rotate=True)
    for index in range(2):
        batch, without_bias = data.batch("train", 0, index), plain.batch("train", 0, index)
        for name, table in zip(data.streams, firings(data, 2), strict=True):
            features = data.true_features[name]
            own = torch.from_numpy(table[index * 1024 : (index + 1) * 1024]).float()[:, features.ids]
            summed = own @ features.directions
            torch.testing.assert_close(without_bias[name], summed, atol=1e-5, rtol=1e-5)
            bias = batch[name] - without_bias[name]
            torch.testing.assert_close(bias, bias[:1].expand_as(bias), atol=1e-5, rtol=1e-5)
            assert bias[0].norm().item() == pytest.approx(2.0, rel=1e-5)


def test_later_streams_share_the_given_fraction_at_other_rates() -> None:
    data = pair(shared_fraction=0.25, stream_names=["a", "b", "c"])
    a, b, c = data.true_features.values()
    assert a.shared_with(b).sum() == b.shared_with(a).sum() == c.shared_with(a).sum() == 10
    assert len(torch.cat([a.ids, b.ids]).unique()) == 70
    both = a.ids[a.shared_with(b)]
    for feature in both:
        rows = a.directions[a.ids == feature], b.directions[b.ids == feature]
        assert torch.equal(*rows)
    rates = [features.frequencies[torch.isin(features.ids, both)] for features in (a, b)]
    assert not torch.allclose(*rates)
    assert not torch.isin(b.ids[~b.shared_with(a)], c.ids).any()


def test_rotated_streams_have_spaces_of_their_own() -> None:
    data = pair(rotate=True, shared_fraction=1.0)
    a, b = data.true_features.values()
    assert (pair().same_space, data.same_space) == (True, False)
    in_order = b.directions[b.ids.argsort()]
    # One rotation for all: angles within a stream are as they were, angles between streams are not.
    torch.testing.assert_close(in_order @ in_order.T, a.directions @ a.directions.T, atol=1e-5, rtol=1e-5)
    assert (a.directions * in_order).sum(1).abs().mean() < 0.5


@pytest.mark.parametrize("parts", [{}, {"dependence": GaussianCopula()}, {"dependence": OneOfGroup(10)}])
def test_aligned_streams_share_draws_and_unaligned_ones_do_not(parts: dict) -> None:
    for aligned in (True, False):
        data = pair(aligned=aligned, **parts)
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


def test_circles_move_in_their_planes() -> None:
    data = pair(
        stream_names=["a"],
        mean_active=5.0,
        rates=ConstantRates(),
        directions=CircleDirections(8),
        dependence=OneOfGroup(),
        magnitudes=ConstantMagnitudes(),
    )
    features = data.true_features["a"]
    assert features.clusters.bincount().tolist() == [8] * 5
    # Five circles, one point of each in every sample: 5 active, and every sample has five unit parts.
    [dense] = firings(data, 4)
    by_circle = np.stack([dense[:, features.clusters.numpy() == circle].sum(1) for circle in range(5)])
    assert (by_circle == 1).all()


@pytest.mark.parametrize(("directions", "size"), [(CircleDirections(4), 4), (AntipodalDirections(), 2)])
def test_streams_share_whole_circles_and_pairs(directions: Directions, size: int) -> None:
    data = pair(directions=directions, shared_fraction=0.4, stream_names=["a", "b", "c"])
    a, b, _ = data.true_features.values()
    assert a.shared_with(b).sum() == 16
    for features in data.true_features.values():
        assert features.clusters.unique(return_counts=True)[1].tolist() == [size] * (40 // size)


def test_samples_do_not_depend_on_the_size_of_batches() -> None:
    kwargs = {"noise_std": 0.1, "dependence": GaussianCopula(), "samples_per_epoch": 6000}
    first = [pair(batch_size=1500, **kwargs).batch("train", 1, index) for index in range(2)]
    second = [pair(batch_size=200, **kwargs).batch("train", 1, index) for index in range(15)]
    for name in "ab":
        one, other = (torch.cat([batch[name] for batch in batches]) for batches in (first, second))
        assert torch.equal(one, other)
    scales = [pair(batch_size=size, normalize="mean_norm").normalizations["a"].scale for size in (64, 1000)]
    assert torch.equal(*scales)


def test_a_hierarchy_is_recorded_with_the_truth() -> None:
    data = pair(
        stream_names=["a"], mean_active=2.0, rates=ZipfRates(1.2), hierarchy=Trees(5, 2, exclusive=True)
    )
    features = data.true_features["a"]
    assert features.parents.tolist() == [-1] * 5 + [i // 2 for i in range(10)] + [-1] * 25
    on = firings(data)[0] > 0
    for child in range(5, 15):
        assert not (on[:, child] & ~on[:, (child - 5) // 2]).any()


def test_clusters_are_recorded_with_the_truth() -> None:
    a, b = pair(directions=ClusteredDirections(8, 0.6)).true_features.values()
    for features in (a, b):
        same = features.clusters[:, None] == features.clusters[None, :]
        cosine = features.directions @ features.directions.T
        off = ~torch.eye(40, dtype=torch.bool)
        assert cosine[same & off].mean() > 0.4 > cosine[~same].mean()


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("d_in", 0, "d_in must be at least 1, got 0"),
        ("shared_fraction", 1.5, r"shared_fraction must lie in \[0, 1\], got 1.5"),
        ("shared_fraction", 0.001, "shared_fraction=0.001 of 40 features shares none"),
        ("shared_fraction", 0.0125, "shared_fraction=0.0125 of 40 features shares none"),
        ("directions", CircleDirections(7), "n_features=40 is no multiple of 7, as the directions need"),
        ("seed", -1, "seed must not be negative, got -1"),
        ("noise_std", float("nan"), "noise_std must not be negative, got nan"),
        ("mean_active", 30.0, "mean_active=30.0 of 40 features: firing rates"),
        ("mean_active", None, r"firing rates must lie in \(0, 1\], got 0.5 to 1.5"),
        ("bias_norm", -1.0, "bias_norm must not be negative, got -1.0"),
        ("noise_std", -1.0, "noise_std must not be negative, got -1.0"),
        ("samples_per_epoch", 10, "samples_per_epoch=10 gives no batch of 1024"),
        ("validation_samples", 0, "validation_samples must be at least 1, got 0"),
        ("stream_names", ["a", "a"], "stream_names must differ"),
        ("batch_size", 0, "batch_size must be at least 1, got 0"),
        ("hierarchy", Hierarchy([-1] * 99), "given for 99 features, but there are 60"),
    ],
)
def test_bad_parameters_are_refused(argument: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pair(**{argument: value})
