import numpy as np
import pytest
import torch

from saesim_pl.data import SyntheticActivations
from saesim_pl.truth import ConstantRates, Dependence, GaussianCopula, Independent

DEPENDENCES = [Independent(), GaussianCopula()]


def generated(**kwargs) -> SyntheticActivations:
    small = {"d_in": 6, "n_features": 12, "mean_active": 1.5, "samples_per_epoch": 50_000}
    return SyntheticActivations(**small | {"validation_samples": 3000} | kwargs)


@pytest.mark.parametrize("stage", ["train", "validate"])
@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_a_batch_is_a_function_of_seed_epoch_and_index(stage: str, dependence: Dependence) -> None:
    make = {"dependence": dependence, "noise_std": 0.3, "bias_norm": 1.0, "stream_names": ["a", "b"]}
    data, again, other = generated(**make), generated(**make), generated(**make, seed=1)
    again.batch(stage, 4, 0)  # what came before makes no difference
    first = data.batch(stage, 2, 1)
    for name, batch in first.items():
        assert torch.equal(batch, again.batch(stage, 2, 1)[name])
        for different in (
            data.batch(stage, 3, 1)[name],
            data.batch(stage, 2, 0)[name],
            other.batch(stage, 2, 1)[name],
            data.batch("validate" if stage == "train" else "train", 2, 1)[name],
        ):
            assert not torch.isclose(batch, different).all(1).any()


@pytest.mark.parametrize("batch_size", [64, 1024, 2500])
@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_ranks_share_the_rows_of_one(batch_size: int, dependence: Dependence) -> None:
    names = ["a", "b"]
    data = generated(batch_size=batch_size, dependence=dependence, noise_std=0.3, stream_names=names)
    whole = data.batch("train", 0, 3)
    halves = [data.batch("train", 0, 3, rank, 2) for rank in range(2)]
    for name in names:
        assert [len(half[name]) for half in halves] == [batch_size // 2] * 2
        torch.testing.assert_close(torch.cat([half[name] for half in halves]), whole[name], rtol=0, atol=1e-6)


def test_the_last_validation_batch_is_shared_as_well() -> None:
    data = generated(noise_std=0.3)
    last = data.n_batches("validate") - 1
    whole = data.batch("validate", 0, last)["a"]
    assert len(whole) == 3000 % 1024
    parts = [data.batch("validate", 0, last, rank, 3)["a"] for rank in range(3)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-6)


def noise_of(data: SyntheticActivations, index: int, std: float = 0.5) -> np.ndarray:
    """What noise adds to a batch."""
    silent = generated(bias_norm=1.0, batch_size=data.batch_size, stream_names=list(data.streams))
    plain, noisy = silent.batch("train", 0, index), data.batch("train", 0, index)
    return np.stack([(noisy[name] - plain[name]).numpy() / std for name in data.streams])


@pytest.fixture
def noisy() -> SyntheticActivations:
    return generated(bias_norm=1.0, noise_std=0.5, batch_size=5000, stream_names=["a", "b"])


def test_noise_is_normal_with_the_configured_deviation(noisy: SyntheticActivations) -> None:
    noise = noise_of(noisy, 0)
    assert noise.mean() == pytest.approx(0, abs=4.5 / noise.size**0.5)
    assert noise.std() == pytest.approx(1, abs=4.5 / (2 * noise.size) ** 0.5)
    assert (noise**4).mean() == pytest.approx(3, abs=4.5 * (96 / noise.size) ** 0.5)
    covariance = np.cov(noise[0].T)
    np.testing.assert_allclose(covariance, np.eye(6), atol=4.5 * (2 / 5000) ** 0.5)


def test_noise_is_the_same_again_and_its_own_in_each_row_batch_and_stream(
    noisy: SyntheticActivations,
) -> None:
    noise, later = noise_of(noisy, 0), noise_of(noisy, 1)
    assert np.array_equal(noise, noise_of(noisy, 0))
    limit = 4.5 / 30_000**0.5
    for other in (later[0], noise[1], np.roll(noise[0], 1, axis=0), np.roll(noise[0], 1024, axis=0)):
        assert np.corrcoef(noise[0].ravel(), other.ravel())[0, 1] == pytest.approx(0, abs=limit)


def test_noise_is_independent_of_what_fires(noisy: SyntheticActivations) -> None:
    noise = noise_of(noisy, 0)[0]
    fired = noisy.firings("train", 0, 0, slice(0, 5000))["a"]
    counts = torch.cat([fired.offsets, torch.tensor([len(fired.feature)])]).diff().numpy()
    total = np.add.reduceat(np.append(fired.magnitude.numpy(), 0), fired.offsets.numpy())
    for other in (counts, np.where(counts > 0, total, 0)):
        for moment in (noise, noise**2):
            for dimension in moment.T:
                assert np.corrcoef(dimension, other)[0, 1] == pytest.approx(0, abs=5 / 5000**0.5)


@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_noise_changes_nothing_that_fires(dependence: Dependence) -> None:
    plain, noisy = (generated(dependence=dependence, noise_std=std) for std in (0.0, 0.5))
    pairs = [data.firings("train", 1, 2, slice(0, 1024))["a"] for data in (plain, noisy)]
    for name in ("feature", "magnitude", "offsets"):
        assert torch.equal(*(getattr(firings, name) for firings in pairs))


def test_the_bias_is_the_mean_of_silent_samples() -> None:
    data = generated(bias_norm=2.0, noise_std=0.1, batch_size=20_000, rates=ConstantRates())
    fired = data.firings("train", 0, 0, slice(0, 20_000))["a"]
    silent = torch.cat([fired.offsets, torch.tensor([len(fired.feature)])]).diff() == 0
    mean = data.batch("train", 0, 0)["a"][silent].mean(0)
    assert silent.float().mean().item() == pytest.approx((1 - 1.5 / 12) ** 12, abs=0.015)
    # Norm of the mean of so many normal numbers of deviation .1, in 6 dimensions.
    error = 0.1 * (6 / int(silent.sum())) ** 0.5
    assert mean.norm().item() == pytest.approx(2, abs=4.5 * error)
    without = generated(noise_std=0.1, batch_size=20_000, rates=ConstantRates())
    difference = data.batch("train", 0, 0)["a"] - without.batch("train", 0, 0)["a"]
    torch.testing.assert_close(difference, difference[:1].expand_as(difference), atol=1e-5, rtol=0)
    torch.testing.assert_close(mean, difference[0], atol=4.5 * error, rtol=0)


@pytest.mark.parametrize("rotate", [False, True])
def test_spaces_have_biases_of_their_own(rotate: bool) -> None:
    make = {"stream_names": ["a", "b"], "rotate": rotate}
    data, without = generated(bias_norm=2.0, **make), generated(**make)
    a, b = (data.batch("train", 0, 0)[name] - without.batch("train", 0, 0)[name] for name in "ab")
    assert torch.allclose(a, b, atol=1e-5) is not rotate


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("samples_per_epoch", 10, "samples_per_epoch=10 gives no batch of 1024"),
        ("validation_samples", 0, "validation_samples must be at least 1, got 0"),
        ("noise_std", -0.1, "noise_std must not be negative, got -0.1"),
        ("batch_size", 0, "batch_size must be at least 1, got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(argument: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generated(**{argument: value})
