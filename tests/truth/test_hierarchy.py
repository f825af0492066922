import numpy as np
import pytest

from saesim_pl.truth import (
    ConstantMagnitudes,
    CorrelatedRates,
    GaussianCopula,
    Hierarchy,
    Independent,
    LowRankCorrelation,
    Trees,
    UniformMagnitudes,
    WishartCorrelation,
)
from saesim_pl.truth.dependence import FiringRates
from saesim_pl.truth.firing_law import FiringLaw
from saesim_pl.truth.siblings import chosen_share, rates_before_choice
from tests.truth.dense import assert_rates

# Two trees: 0 above 2, 3, 4; 1 above 5; 3 above 6, 7. Feature 8 stands alone.
PARENTS = [-1, -1, 0, 0, 0, 1, 3, 3, -1]
RATES = np.array([0.5, 0.3, 0.1, 0.2, 0.15, 0.2, 0.08, 0.06, 0.1])


def law(hierarchy: Hierarchy, dependence=None, magnitudes=None) -> FiringLaw:
    magnitudes = magnitudes or ConstantMagnitudes()
    magnitudes.prepare(9, np.random.default_rng(0))
    return FiringLaw(dependence or Independent(), hierarchy, magnitudes, np.full(9, -1), seed=0)


def magnitudes_of(law: FiringLaw, rates: np.ndarray, n_chunks: int = 40) -> np.ndarray:
    """(n_streams, n_samples, 9) of magnitudes."""
    sampler, _ = law.at(np.atleast_2d(rates), None)
    tables = []
    for chunk in range(n_chunks):
        streams = []
        for drawn in sampler.draw(1000, np.random.default_rng((7, chunk))):
            table = np.zeros((1000, 9))
            counts = np.diff([*drawn.offsets.tolist(), len(drawn.feature)])
            table[np.repeat(np.arange(1000), counts), drawn.feature.numpy()] = drawn.magnitude.numpy()
            streams.append(table)
        tables.append(np.stack(streams))
    return np.concatenate(tables, axis=1)


@pytest.mark.parametrize("exclusive", [False, True, [0]])
def test_rates_are_those_after_the_thinning(exclusive: bool | list[int]) -> None:
    [on] = magnitudes_of(law(Hierarchy(PARENTS, exclusive)), RATES) > 0
    assert_rates(on, RATES)
    for child, parent in enumerate(PARENTS):
        assert parent < 0 or not (on[:, child] & ~on[:, parent]).any()
    for parent, children in {0: [2, 3, 4], 3: [6, 7]}.items():
        excluded = exclusive is True or (exclusive == [0] and parent == 0)
        assert (on[:, children].sum(1).max() <= 1) == excluded


def test_without_compensation_children_fire_as_often_as_their_parents_let_them() -> None:
    [on] = magnitudes_of(law(Hierarchy(PARENTS, compensate="none")), RATES) > 0
    expected = RATES.copy()
    for child, parent in enumerate(PARENTS):
        expected[child] *= expected[parent] if parent >= 0 else 1
    assert_rates(on, expected)


@pytest.mark.parametrize("compensate", ["none", "exact"])
@pytest.mark.parametrize(
    "dependence",
    [
        GaussianCopula(LowRankCorrelation(rank=2, scale=0.6)),
        CorrelatedRates(LowRankCorrelation(rank=2, scale=0.6)),
        CorrelatedRates(WishartCorrelation(), decay=0.4),
    ],
)
def test_dependent_firings_are_thinned_as_if_all_had_been_drawn(dependence, compensate: str) -> None:
    # Children are drawn for firing parents only. The slow twin draws everything and then takes away.
    hierarchy = Hierarchy(PARENTS, exclusive=[3], compensate=compensate)
    [on] = magnitudes_of(law(hierarchy, dependence), RATES, n_chunks=100) > 0
    before = hierarchy.rates_before(hierarchy.forest(RATES), RATES)
    wanted = FiringRates(before[None], np.full(9, -1), np.zeros((1, 9), bool))
    full = dependence.sampler(wanted, _dependence_rng())
    twin, rng = [], np.random.default_rng(3)
    for _ in range(100):
        draw = full.draw(1000, rng)
        table = np.zeros(9000, dtype=bool)
        table[draw.cells] = True
        twin.append(_thinned(table.reshape(1000, 9), rng))
    twin = np.concatenate(twin)
    for of in (lambda x: x.mean(0), lambda x: (x.T.astype(float) @ x / len(x)).ravel()):
        rates = of(twin)
        error = np.sqrt(rates * (1 - rates) * 2 / len(on)) + 1e-4
        assert np.abs((of(on) - rates) / error).max() < 4.7


def _dependence_rng() -> np.random.Generator:
    return np.random.default_rng((0, 10))  # of FiringLaw with seed 0


def _thinned(on: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    on = on.copy()
    for child, parent in enumerate(PARENTS):
        on[:, child] &= on[:, parent] | (parent < 0)
    both = np.flatnonzero(on[:, 6] & on[:, 7])
    on[both, rng.choice([6, 7], len(both))] = False
    return on


def test_counted_frequencies_are_what_comes_out() -> None:
    copula = GaussianCopula(LowRankCorrelation(rank=2, scale=0.6))
    drawn = law(Hierarchy(PARENTS, exclusive=True, compensate="none"), copula)
    _, [frequencies] = drawn.at(RATES[None], None)
    [on] = magnitudes_of(drawn, RATES, n_chunks=100) > 0
    assert frequencies == pytest.approx(on.mean(0), abs=0.015)


@pytest.mark.parametrize("n_streams", [1, 3])
@pytest.mark.parametrize("mean_active", [2.0, 0.1])
@pytest.mark.parametrize("dependence", [Independent(), GaussianCopula()])
def test_mean_active_is_what_comes_out(dependence, mean_active: float, n_streams: int) -> None:
    trees = Trees(3, 2, exclusive=True, compensate="none")
    rates = np.stack([np.linspace(0.4, 0.2, 9)] * n_streams)
    sampler, frequencies = law(trees, dependence).at(rates, mean_active)
    counted = [sampler.frequencies(1000, np.random.default_rng(i)).sum(1) for i in range(100)]
    # The law itself is known within three errors of a count of 32,768 samples if it is counted.
    error = np.std(counted, axis=0) / np.sqrt([100, 32.768])[:, None]
    exact = isinstance(dependence, Independent)
    allowed = 4.5 * error[0] + (0 if exact else 3.5 * error[1])
    assert (np.abs(np.mean(counted, axis=0) - mean_active) < allowed).all()
    assert frequencies.sum(1) == pytest.approx(np.full(n_streams, mean_active), rel=2e-6 if exact else 0.06)


def test_a_stream_without_the_parent_has_its_children_as_roots() -> None:
    rates = np.stack([RATES, np.where(np.arange(9) == 0, 0, RATES)])
    a, b = magnitudes_of(law(Hierarchy(PARENTS)), rates) > 0
    assert_rates(a, rates[0])
    assert_rates(b, rates[1])
    assert not (a[:, 2] & ~a[:, 0]).any()
    assert not (b[:, 6] & ~b[:, 3]).any()
    # What both streams have below one parent, they share.
    assert ((a & b)[:, 5]).mean() == pytest.approx(RATES[5], abs=0.01)


def test_streams_of_one_draw_keep_the_same_sibling() -> None:
    a, b = magnitudes_of(law(Hierarchy(PARENTS, exclusive=True)), np.stack([RATES, RATES]))
    assert np.array_equal(a, b)


def test_children_follow_the_size_of_their_parents() -> None:
    # 6 below 3 below 0: each is its own magnitude times its parent's over the parent's mean.
    scaled = law(Hierarchy(PARENTS, scale_children=True), magnitudes=UniformMagnitudes(0.5, 1.5))
    plain = law(Hierarchy(PARENTS), magnitudes=UniformMagnitudes(0.5, 1.5))
    [with_parents], [own] = magnitudes_of(scaled, RATES, 4), magnitudes_of(plain, RATES, 4)
    assert np.array_equal(with_parents > 0, own > 0)
    expected = own.copy()
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            expected[:, child] *= expected[:, parent]
    assert with_parents == pytest.approx(expected, rel=1e-5)


def test_of_two_that_exclude_each_other_each_is_kept_in_half_of_the_conflicts() -> None:
    assert chosen_share(np.array([0.6, 0.2]), np.zeros(2, int)) == pytest.approx([1 - 0.1, 1 - 0.3])


@pytest.mark.parametrize("seed", range(3))
def test_choice_and_its_inverse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(4, size=30)
    rates = rng.random(30) / 12
    before = rates_before_choice(rates, groups, np.ones(30, bool), clip=False)
    assert before * chosen_share(before, groups) == pytest.approx(rates, abs=1e-8)
    assert (before > rates).all()


def test_trees_are_numbered_level_by_level() -> None:
    assert Trees(2, 2, depth=2).parents.tolist() == [-1, -1, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_clipped_compensation_goes_as_near_as_it_can() -> None:
    rates = np.array([0.2, 0.5, 0.1])
    forest = Hierarchy([-1, 0, 0]).forest(rates)
    before = forest.rates_before(rates, clip=True)
    assert before == pytest.approx([0.2, 0.99, 0.5])
    assert forest.rates_after(before) == pytest.approx([0.2, 0.198, 0.1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hierarchy([1, 2, 0]), "hierarchy: feature 0 is its own ancestor"),
        (lambda: Hierarchy([-1, 1]), "hierarchy: feature 1 is its own ancestor"),
        (lambda: Hierarchy([-1, 5]), "parents: 5 is none of the 2 features"),
        (lambda: Hierarchy([-1, 0], exclusive=[2]), "exclusive: 2 is none of the 2 features"),
        (lambda: Hierarchy([-1, 0], exclusive=[-1]), "exclusive: -1 is none of the 2 features"),
        (lambda: Hierarchy([-1], compensate="all"), "compensate must be one of .* got 'all'"),
        (lambda: Trees(0, 2), "n_roots must be at least 1, got 0"),
        (lambda: Hierarchy([-1] * 3).forest(np.ones(2)), "given for 3 features, but there are 2"),
        (
            lambda: law(Hierarchy([-1, 0])).at(np.array([[0.1, 0.2, *[0.1] * 7]]), None),
            "feature 1 fires at rate 0.2, its parent 0 only at 0.1",
        ),
        (
            lambda: law(Hierarchy([-1, 0, 0], exclusive=True)).at(np.array([[0.1] * 9]), None),
            "children of feature 0 exclude each other, but fire 2 times as often",
        ),
        (
            lambda: law(Hierarchy([-1, *[0] * 8], True, compensate="none")).at(np.full((1, 9), 0.01), 3.0),
            "mean_active=3.0: the hierarchy leaves 1.98 of rates up to 0.99",
        ),
    ],
)
def test_impossible_hierarchies_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
