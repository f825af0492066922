import numpy as np
import pytest

from saesim_pl.truth import (
    ConstantMagnitudes,
    ExponentialMagnitudes,
    FoldedNormalMagnitudes,
    LogNormalMagnitudes,
    Magnitudes,
    UniformMagnitudes,
)

LAWS = [
    ConstantMagnitudes(),
    UniformMagnitudes(),
    FoldedNormalMagnitudes(),
    ExponentialMagnitudes(),
    LogNormalMagnitudes(),
]


def drawn(law: Magnitudes, feature: np.ndarray, n_features: int = 5) -> np.ndarray:
    law.prepare(n_features, np.random.default_rng(1))
    return law.draw(feature, np.random.default_rng(0))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_mean_square_is_1(law: Magnitudes) -> None:
    values = drawn(law, np.zeros(400_000, int)).astype(float)
    assert values.min() >= 0
    assert np.square(values).mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    "law",
    [
        *LAWS,
        UniformMagnitudes(0.5, 2.0, n_factors=2, first_scale=2.0, last_scale=0.5),
        FoldedNormalMagnitudes(5.0, 0.5, 0.5, first_scale=1.0, last_scale=0.8),
        FoldedNormalMagnitudes(0.5, 1.0),
        LogNormalMagnitudes(1.0, last_scale=3.0),
    ],
    ids=lambda law: type(law).__name__,
)
def test_means_are_measured_means(law: Magnitudes) -> None:
    values = drawn(law, np.repeat(np.arange(5), 200_000)).reshape(5, -1).astype(float)
    error = values.std(1) / np.sqrt(200_000) + 1e-6
    assert np.abs((values.mean(1) - law.means) / error).max() < 4.5


def test_scales_fall_from_feature_to_feature() -> None:
    values = drawn(ConstantMagnitudes(first_scale=5.0, last_scale=4.0), np.arange(5))
    assert values == pytest.approx([5.0, 4.75, 4.5, 4.25, 4.0])


def test_shapes_by_hand() -> None:
    uniform = drawn(UniformMagnitudes(0.0, 1.0), np.zeros(200_000, int))
    assert np.quantile(uniform, [0.25, 0.75]) == pytest.approx([0.25, 0.75], abs=0.005)
    product = drawn(UniformMagnitudes(0.0, 1.0, n_factors=2), np.zeros(200_000, int))
    assert np.square(product).mean() == pytest.approx(1 / 9, abs=0.002)
    log_normal = np.log(drawn(LogNormalMagnitudes(0.7), np.zeros(200_000, int)))
    assert (log_normal.mean(), log_normal.std()) == pytest.approx((-0.49, 0.7), abs=0.01)


def test_features_differ_in_their_spread() -> None:
    values = drawn(FoldedNormalMagnitudes(5.0, 0.5, std_spread=0.5), np.repeat(np.arange(50), 4000), 50)
    stds = values.reshape(50, -1).std(1)
    assert stds.std() == pytest.approx(0.4, abs=0.12)
    assert drawn(FoldedNormalMagnitudes(5.0, 0.5), np.repeat(np.arange(2), 4000), 2).reshape(2, -1).std(
        1
    ) == pytest.approx([0.5, 0.5], abs=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstantMagnitudes(first_scale=0.0), "first_scale must be positive, got 0.0"),
        (lambda: UniformMagnitudes(1.0, 1.0), "0 <= low < high, got 1.0 and 1.0"),
        (lambda: UniformMagnitudes(n_factors=0), "n_factors must be at least 1, got 0"),
        (lambda: FoldedNormalMagnitudes(-1.0), "mean must not be negative, got -1.0"),
        (lambda: FoldedNormalMagnitudes(0.0, 0.0), "mean and std are both 0"),
        (lambda: LogNormalMagnitudes(0.0), "sigma must be positive, got 0.0"),
    ],
)
def test_bad_parameters_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
