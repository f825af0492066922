import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from saesim_pl.truth import (
    CorrelatedRates,
    Dependence,
    ExponentialRates,
    FixedNumber,
    GaussianCopula,
    GivenCorrelation,
    Independent,
    LinearRates,
    LowRankCorrelation,
    OneOfGroup,
    SharkeyRates,
    UniformCorrelation,
    WishartCorrelation,
    ZipfRates,
)
from saesim_pl.truth.correlated_rates import log_coefficients
from saesim_pl.truth.dependence import FiringRates
from tests.truth.dense import assert_rates, fired, sampler_of

TRIPLE = [[1.0, 0.8, -0.5], [0.8, 1.0, 0.0], [-0.5, 0.0, 1.0]]


@pytest.mark.parametrize(
    "dependence",
    [
        Independent(),
        GaussianCopula(),
        GaussianCopula(LowRankCorrelation(rank=3, scale=0.7)),
        GaussianCopula(WishartCorrelation()),
        GaussianCopula(UniformCorrelation()),
        CorrelatedRates(),
        CorrelatedRates(UniformCorrelation()),
        CorrelatedRates(WishartCorrelation(), decay=0.5),
        OneOfGroup(n_groups=9),
    ],
)
def test_rates_are_met_whatever_the_dependence(dependence: Dependence) -> None:
    rates = LinearRates(3.0, 0.1).rates(33, 4.0)
    [on] = fired(sampler_of(dependence, rates), 33)
    assert_rates(on, rates)


@pytest.mark.parametrize("dependence", [Independent(), GaussianCopula(), CorrelatedRates(decay=0.9)])
def test_rare_and_frequent_features_are_met(dependence: Dependence) -> None:
    rates = np.array([0.97, 0.5, 1e-2, 1e-3, 3e-4])
    [on] = fired(sampler_of(dependence, rates), 5, n_chunks=200)
    assert_rates(on, rates)


def test_independent_features_are_independent() -> None:
    rates = LinearRates().rates(40, 4.0)
    [on] = fired(sampler_of(Independent(), rates), 40)
    correlation = np.corrcoef(on.T)[~np.eye(40, dtype=bool)]
    assert np.abs(correlation).max() < 5 / np.sqrt(len(on))
    assert on.sum(1).var() == pytest.approx((rates * (1 - rates)).sum(), rel=0.05)


def test_a_copula_fires_pairs_as_the_bivariate_normal_says() -> None:
    rates = np.array([0.2, 0.1, 0.3])
    [on] = fired(sampler_of(GaussianCopula(GivenCorrelation(TRIPLE)), rates), 3, n_chunks=100)
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        covariance = [[1, TRIPLE[i][j]], [TRIPLE[i][j], 1]]
        expected = multivariate_normal.cdf(norm.ppf(rates[[i, j]]), cov=covariance)
        error = np.sqrt(expected * (1 - expected) / len(on))
        assert (on[:, i] & on[:, j]).mean() == pytest.approx(expected, abs=4.5 * error)


def test_correlation_is_drawn_for_each_sample() -> None:
    # Drawn once a batch, the mean number active would differ between batches by far more than this.
    rates = LinearRates().rates(64, 8.0)
    [on] = fired(sampler_of(GaussianCopula(LowRankCorrelation(2, 0.6)), rates), 64, n_chunks=60)
    active = on.sum(2 - 1).reshape(60, 1000)
    assert active.mean(1).var() == pytest.approx(active.var() / 1000, rel=0.6)
    assert active.var() > 2 * (rates * (1 - rates)).sum()


def test_correlated_rates_fire_pairs_as_the_orthant_says() -> None:
    # E[Phi(x) Phi(y)] is 1/4 + asin(rho / 2) / (2 pi).
    rates = np.array([0.3, 0.2, 0.25])
    [on] = fired(sampler_of(CorrelatedRates(GivenCorrelation(TRIPLE)), rates), 3, n_chunks=150)
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        orthant = 0.25 + np.arcsin(TRIPLE[i][j] / 2) / (2 * np.pi)
        expected = 4 * rates[i] * rates[j] * orthant
        error = np.sqrt(expected * (1 - expected) / len(on))
        assert (on[:, i] & on[:, j]).mean() == pytest.approx(expected, abs=4.5 * error)


def test_given_z_rates_follow_the_power_law() -> None:
    # Two features with one z: P(both) is the mean of the product of their probabilities.
    together = [[1.0, 1 - 2e-6], [1 - 2e-6, 1.0]]
    rates, decay = np.array([0.6, 0.4]), 2.0
    c = np.exp(log_coefficients(rates, decay * np.arange(2)))
    u = (np.arange(200_000) + 0.5) / 200_000
    expected = (np.minimum(1, c[0]) * np.minimum(1, c[1] * u**decay)).mean()
    [on] = fired(sampler_of(CorrelatedRates(GivenCorrelation(together), decay), rates), 2, n_chunks=100)
    assert on.all(1).mean() == pytest.approx(expected, abs=4.5 * np.sqrt(0.25 / len(on)))


@pytest.mark.parametrize(("exponent", "rate"), [(1.0, 0.1), (1.0, 0.45), (1.0, 0.8), (7.0, 0.05), (7.0, 0.6)])
def test_coefficients_give_the_rate(exponent: float, rate: float) -> None:
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    c = np.exp(log_coefficients(np.array([rate]), np.array([exponent])))
    assert np.minimum(1, c * u**exponent).mean() == pytest.approx(rate, abs=1e-5)


def test_sharkeys_law_is_the_mean_of_correlated_rates() -> None:
    rates = SharkeyRates(0.99).rates(64, 5.0)
    log_c = log_coefficients(rates, 0.99 * np.arange(64))
    # One factor for all features: that is what makes it their law.
    assert log_c[1:] == pytest.approx(np.full(63, log_c[1]), abs=1e-6)
    assert rates.sum() == pytest.approx(5.0)
    [on] = fired(sampler_of(CorrelatedRates(WishartCorrelation(), 0.99), rates), 64)
    assert_rates(on, rates)


def test_at_most_one_of_a_group_fires() -> None:
    rates = LinearRates().rates(24, 3.0)
    [on] = fired(sampler_of(OneOfGroup(n_groups=6), rates), 24)
    by_group = np.stack([on[:, np.arange(24) % 6 == group].sum(1) for group in range(6)])
    assert by_group.max() == 1
    correlation = np.corrcoef(by_group)[~np.eye(6, dtype=bool)]
    assert np.abs(correlation).max() < 5 / np.sqrt(len(on))


def test_groups_are_the_clusters_and_one_fires_where_rates_sum_up_to_1() -> None:
    clusters = np.array([0, 1, 0, 1, 0, -1, -1])
    rates = np.array([0.5, 0.25, 0.25, 0.75, 0.25, 0.3, 0.4])
    [on] = fired(sampler_of(OneOfGroup(), rates, clusters), 7)
    assert (on[:, [0, 2, 4]].sum(1) == 1).all()
    assert (on[:, [1, 3]].sum(1) == 1).all()
    assert (on[:, 5] & on[:, 6]).mean() == pytest.approx(0.12, abs=0.01)
    assert_rates(on, rates)


def test_a_fixed_number_fires_and_all_sets_are_equally_likely() -> None:
    rates = np.full(8, 3 / 8)
    [on] = fired(sampler_of(FixedNumber(), rates), 8)
    assert (on.sum(1) == 3).all()
    pairs = (on[:, :, None] & on[:, None, :]).mean(0)[~np.eye(8, dtype=bool)]
    assert pairs == pytest.approx(np.full(56, 3 * 2 / (8 * 7)), abs=0.01)


@pytest.mark.parametrize(
    "dependence", [Independent(), GaussianCopula(), CorrelatedRates(), OneOfGroup(n_groups=5)]
)
def test_streams_of_one_draw_share_as_much_as_their_rates_allow(dependence: Dependence) -> None:
    first = ExponentialRates(0.9).rates(20, 2.0)
    rates = np.stack([first, np.where(np.arange(20) % 4, first[::-1], 0) * 0.6, 0.5 * first])
    streams = fired(sampler_of(dependence, rates), 20)
    for on, own in zip(streams, rates, strict=True):
        assert_rates(on, own)
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        assert_rates(streams[i] & streams[j], np.minimum(rates[i], rates[j]))


def test_sets_of_two_streams_agree_where_they_can() -> None:
    has = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]])
    a, b = fired(sampler_of(FixedNumber(), has * 0.5), 6)
    assert (a.sum(1) == 2).all()
    assert (b.sum(1) == 2).all()
    both = (a & b)[:, 2:4].any(1).mean()
    apart = a[:, 2:4].any(1).mean() * b[:, 2:4].any(1).mean()
    assert both > apart + 0.02  # 40,000 samples: nine standard errors


@pytest.mark.parametrize("dependence", [Independent(), GaussianCopula(), CorrelatedRates(), FixedNumber()])
def test_a_draw_is_a_function_of_its_generator(dependence: Dependence) -> None:
    sampler = sampler_of(dependence, np.full(12, 0.25))
    assert np.array_equal(fired(sampler, 12, 2, seed=1), fired(sampler, 12, 2, seed=1))
    assert not np.array_equal(fired(sampler, 12, 2, seed=1), fired(sampler, 12, 2, seed=2))


@pytest.mark.parametrize(
    ("dependence", "rates", "message"),
    [
        (Independent(), [0.5, 1.0], "firing rates of independent features must be below 1, got 1"),
        (OneOfGroup(n_groups=1), [0.7, 0.4], "firing rates of group 0 sum up to 1.1, more than 1"),
        (FixedNumber(), [0.5, 0.4], "whole mean number of active features, got 0.9"),
        (FixedNumber(), [0.75, 0.25], "one rate for all, got 0.25 to 0.75"),
        (GaussianCopula(GivenCorrelation([[1, 2], [2, 1]])), [0.1, 0.1], "not positive definite: .* is -1"),
        (GaussianCopula(GivenCorrelation([[1, 0.5], [0.4, 1]])), [0.1, 0.1], "matrix is not symmetric"),
        (
            GaussianCopula(GivenCorrelation([[1, 0], [0, 2]])),
            [0.1, 0.1],
            "matrix has 2 on its diagonal, not 1",
        ),
        (GaussianCopula(GivenCorrelation([[1, 1 - 1e-8], [1 - 1e-8, 1]])), [0.1, 0.1], "next to singular"),
        (GaussianCopula(GivenCorrelation([[1, np.inf], [np.inf, 1]])), [0.1, 0.1], "matrix has NaN or inf"),
        (GaussianCopula(GivenCorrelation([[1.0]])), [0.1, 0.1], r"shape \(1, 1\), but there are 2 features"),
    ],
)
def test_impossible_laws_are_refused(dependence: Dependence, rates: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sampler_of(dependence, np.array(rates))


@pytest.mark.parametrize("dependence", [OneOfGroup(n_groups=1), FixedNumber()])
def test_what_is_drawn_together_takes_no_hierarchy(dependence: Dependence) -> None:
    wanted = FiringRates(np.full((1, 2), 0.5), np.full(2, -1), np.array([[False, True]]))
    with pytest.raises(ValueError, match="draws features together, which no hierarchy may thin"):
        dependence.sampler(wanted, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LowRankCorrelation(rank=0), "rank must be at least 1, got 0"),
        (lambda: LowRankCorrelation(scale=-1.0), "scale must not be negative, got -1.0"),
        (lambda: LowRankCorrelation(scale=np.nan), "scale must not be negative, got nan"),
        (lambda: OneOfGroup(0), "n_groups must be at least 1, got 0"),
        (lambda: CorrelatedRates(decay=0.0), "decay must be positive, got 0.0"),
    ],
)
def test_bad_parameters_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("seed", range(12))
def test_rates_are_met_where_the_matrix_is_next_to_singular(seed: int) -> None:
    rates = ZipfRates().rates(512, 5.0)
    wanted = FiringRates(rates[None], np.full(512, -1), np.zeros((1, 512), dtype=bool))
    sampler = GaussianCopula(WishartCorrelation()).sampler(wanted, np.random.default_rng(seed))
    [on] = fired(sampler, 512, n_chunks=3)
    assert on.sum(1).mean() == pytest.approx(5.0, abs=5 * on.sum(1).std() / np.sqrt(3000))


def test_powers_of_some_hundreds_are_met() -> None:
    rates = np.full(600, 0.002)
    rates[[10, 500, 599]] = [0.9, 0.9, 0.5]
    [on] = fired(sampler_of(CorrelatedRates(LowRankCorrelation(5, 0.2), 0.99), rates), 600, n_chunks=20)
    assert_rates(on, rates, sigmas=5)


def test_groups_that_a_stream_lacks_leave_the_others_alone() -> None:
    rates = np.array([0.0, 0.3, 0.0, 0.2, 0.0, 0.4])
    [on] = fired(sampler_of(OneOfGroup(n_groups=6), rates), 6)
    assert_rates(on, rates)
    [on] = fired(sampler_of(OneOfGroup(n_groups=2), rates), 6)
    assert_rates(on, rates)


def test_factors_give_back_the_matrix() -> None:
    factor, own = GivenCorrelation(TRIPLE).factors(3, np.random.default_rng(0))
    assert factor @ factor.T + np.diag(own**2) == pytest.approx(np.array(TRIPLE))
    for correlation in (LowRankCorrelation(40, 0.3), WishartCorrelation(), UniformCorrelation()):
        factor, own = correlation.factors(50, np.random.default_rng(1))
        assert np.square(factor).sum(1) + own**2 == pytest.approx(np.ones(50))
        assert own.min() > 0
