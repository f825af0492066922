"""Nulls keep and destroy the properties that they say."""

import pytest
import torch

from saesim_pl.comparison import (
    CorrelationPairing,
    CosinePairing,
    FeatureSet,
    GaussianNull,
    GivenNull,
    Measure,
    PermutationNull,
    ReflectionNull,
    RotationNull,
    ShiftedTokensNull,
    SubsetNull,
    Unpaired,
    null_chooser,
)
from saesim_pl.functional.ground.spectrum import shrunk_spectrum
from saesim_pl.metrics import JaccardSimilarity, MeanMaxCosineSimilarity, SingularValueDistance
from tests.comparison.unrelated import common_covariance, gaussian


def two_sets(seed: int = 0, groups: bool = False) -> tuple[FeatureSet, FeatureSet]:
    a, b = common_covariance(torch.Generator().manual_seed(seed), 30, 40, 12)
    mask = {"first": torch.arange(40) < 10} if groups else {}
    return FeatureSet("a", a, "s", encoder=a + 1), FeatureSet("b", b, "s", encoder=b + 1, groups=mask)


def rows_of(null, seed: int = 0, t: int = 0, **kwargs):
    a, b = two_sets(seed, **kwargs)
    return a.directions, b.directions, null.draws(a, b)(t)


@pytest.mark.parametrize("null", [RotationNull(9), ReflectionNull(9)])
def test_turning_keeps_the_gram_matrix_and_moves_the_rows(null) -> None:
    _, b, draw = rows_of(null)
    turned = draw.b.directions
    assert draw.turned
    assert torch.allclose(turned @ turned.T, b @ b.T, atol=1e-4)
    assert not torch.allclose(turned, b, atol=0.1)
    assert torch.allclose(draw.b.encoder @ draw.b.encoder.T, (b + 1) @ (b + 1).T, atol=1e-3)


def test_a_reflection_keeps_the_covariance_and_a_rotation_does_not() -> None:
    _, b, reflected = rows_of(ReflectionNull(9))
    _, _, rotated = rows_of(RotationNull(9))
    covariance = b.T @ b
    assert torch.allclose(reflected.b.directions.T @ reflected.b.directions, covariance, atol=1e-3)
    assert (rotated.b.directions.T @ rotated.b.directions - covariance).abs().max() > 1


def test_draws_are_pure_functions_of_seed_and_number_and_shared_by_sides_of_one_width() -> None:
    a, b = two_sets()
    one, again = RotationNull(9, seed=3).draws(a, b), RotationNull(9, seed=3).draws(b, a)
    assert torch.equal(one(4).b.directions, one(4).b.directions)
    assert not torch.equal(one(4).b.directions, one(5).b.directions)
    # The same rotation for another set of the same width: families of pairs need joint draws.
    turn = torch.linalg.lstsq(b.directions, one(4).b.directions).solution
    assert torch.allclose(a.directions @ turn, again(4).b.directions, atol=1e-3)


def test_a_permutation_keeps_rows_within_their_groups() -> None:
    a, b = two_sets(groups=True)
    order = PermutationNull(9, within=["first"]).draws(a, b)(2).order
    assert sorted(order[:10].tolist()) == list(range(10))
    assert sorted(order.tolist()) == list(range(40))
    assert order.tolist() != list(range(40))
    with pytest.raises(ValueError, match="b has no group 'second', only \\['first'\\]"):
        PermutationNull(9, within=["second"]).draws(a, b)


@pytest.mark.parametrize("like", ["shape", "row_norms", "spectrum", "spectra", "shapes"])
def test_gaussian_rows_keep_what_they_say(like: str) -> None:
    a, b, draw = rows_of(GaussianNull(9, like=like))
    drawn = draw.b.directions
    assert drawn.shape == b.shape
    norms, spectrum = (torch.allclose(f(drawn), f(b), rtol=1e-3, atol=1e-4) for f in
                       (lambda x: x.norm(dim=1), torch.linalg.svdvals))  # fmt: skip
    assert norms == (like in ("row_norms", "spectra"))
    assert spectrum == (like == "spectrum")
    assert torch.equal(draw.a.directions, a) == (like not in ("shapes", "spectra"))


def test_shrinking_brings_an_isotropic_sample_back_to_its_source() -> None:
    rows, _ = gaussian(torch.Generator().manual_seed(0), 100, 1, 50)
    values, axes = shrunk_spectrum(rows)
    raw = torch.linalg.svdvals(rows).square() / 100
    assert raw.max() / raw.min() > 20
    assert values.max() / values.min() < 1.5
    assert torch.allclose(axes.T @ axes, torch.eye(50, dtype=torch.float64), atol=1e-6)


def test_a_subset_null_draws_as_many_rows_as_the_group_has() -> None:
    a, b = two_sets(groups=True)
    draw = SubsetNull(9).draws(b, a, "first")(0)
    assert len(draw.a) == 10
    assert torch.equal(draw.b.directions, a.directions)
    with pytest.raises(ValueError, match="group 'all' holds all 40 rows of b"):
        SubsetNull(9).draws(b, a, "all")


def test_a_given_set_takes_the_place_of_b() -> None:
    a, b = two_sets()
    null = GivenNull([FeatureSet("frozen", torch.randn(7, 12)), FeatureSet("random", torch.randn(9, 12))])
    assert (null.n_draws, str(null)) == (2, "GivenNull(frozen, random)")
    assert len(null.draws(a, b)(1).b) == 9
    with pytest.raises(ValueError, match="narrow has d_in=3, b has 12"):
        GivenNull([FeatureSet("narrow", torch.randn(5, 3))]).draws(a, b)


JACCARD, MMCS = Measure("jaccard", JaccardSimilarity()), Measure("mmcs", MeanMaxCosineSimilarity())
VALUES = Measure("values", SingularValueDistance())


@pytest.mark.parametrize(
    ("null", "pairing", "measure", "use"),
    [
        (RotationNull(9), Unpaired(), JACCARD, "PermutationNull"),
        (ReflectionNull(9), CosinePairing(), VALUES, "GaussianNull"),
        (PermutationNull(9), CosinePairing(), JACCARD, "ReflectionNull"),
        (PermutationNull(9), CorrelationPairing(), JACCARD, "ShiftedTokensNull"),
        (PermutationNull(9), Unpaired(), VALUES, "GaussianNull"),
        (GaussianNull(9, like="spectrum"), CosinePairing(), VALUES, "like: spectra"),
        (ShiftedTokensNull(9), CosinePairing(), JACCARD, "cannot repeat a pairing by cosine"),
        (RotationNull(9), CorrelationPairing(), JACCARD, "cannot repeat a pairing by correlation"),
    ],
    ids=str,
)
def test_a_null_that_says_nothing_is_refused_with_the_one_to_use(null, pairing, measure, use) -> None:
    with pytest.raises(ValueError, match=use):
        null_chooser(null)(pairing, measure)


@pytest.mark.parametrize(
    ("pairing", "measure", "expected"),
    [
        (CosinePairing(), JACCARD, ReflectionNull),
        (CosinePairing(), MMCS, ReflectionNull),
        (Unpaired(), MMCS, ReflectionNull),
        (Unpaired(), JACCARD, PermutationNull),
        (CosinePairing(), VALUES, GaussianNull),
        (CorrelationPairing(), JACCARD, ShiftedTokensNull),
    ],
)
def test_the_default_null_follows_from_the_declaration(pairing, measure, expected) -> None:
    assert type(null_chooser()(pairing, measure)) is expected


def test_nulls_can_be_given_by_measure() -> None:
    chosen = null_chooser({"jaccard": RotationNull(9)}, n_draws=19)
    assert type(chosen(CosinePairing(), JACCARD)) is RotationNull
    assert str(chosen(CosinePairing(), VALUES)) == "GaussianNull(spectra, 19)"


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="n_draws must be at least 2, got 1"):
        ReflectionNull(1)
    with pytest.raises(ValueError, match="seed must not be negative, got -1"):
        ReflectionNull(9, seed=-1)
    with pytest.raises(ValueError, match="like must be one of"):
        GaussianNull(9, like="norms")
    with pytest.raises(ValueError, match="top must be at least 1, got 0"):
        CosinePairing(top=0)
    with pytest.raises(ValueError, match="min_score must lie in \\[-1, 1\\], got nan"):
        CosinePairing(min_score=float("nan"))
    with pytest.raises(ValueError, match="method must be one of"):
        CorrelationPairing("best")
