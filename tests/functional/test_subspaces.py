"""Values known by hand, and warnings of the subspace and geometry measures."""

import math
import sys
import warnings

import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from torch import Tensor

from saesim_pl import functional as f
from saesim_pl.functional import SimilarityWarning, permutation_null, representational_similarity
from saesim_pl.functional.geometry.representational_similarity import sampled_similarity
from saesim_pl.functional.geometry.representational_similarity_halves import (
    representational_similarity_halves,
)
from saesim_pl.functional.geometry.row_sample import sampled_rows
from saesim_pl.functional.ground.declaration import declaration_of


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _orthonormal(n: int, width: int, seed: int = 0) -> Tensor:
    """Centred orthonormal columns."""
    rows = _normal(n, width, seed=seed)
    return torch.linalg.qr(rows - rows.mean(0))[0]


def test_one_shared_direction_of_two() -> None:
    """a spans e1, e2; b spans e1, e3: correlations are 1 and 0, and everything follows."""
    e = _orthonormal(30, 3)
    a, b = e[:, [0, 1]], e[:, [0, 2]]
    expected = {
        f.mean_cca: 1 / 2, f.svcca: 1 / 2, f.pwcca: 1 / 2, f.linear_cka: 1 / 2, f.bures_similarity: 1 / 2,
        f.procrustes_distance: 1.0, f.linear_regression_r2: 1 / 2, f.eigenspace_overlap: 1 / 2,
        f.gulp_distance: 2.0, f.correlation_match: 1 / 2,
        f.singular_value_distance: 0.0,
    }  # fmt: skip
    for measure, value in expected.items():
        assert measure(a, b).item() == pytest.approx(value, abs=1e-7), measure.__name__


def test_one_correlation_of_a_half() -> None:
    e = _orthonormal(30, 2)
    a, b = e[:, :1], 0.5 * e[:, :1] + math.sqrt(0.75) * e[:, 1:]
    assert f.mean_cca(a, b).item() == pytest.approx(0.5)
    assert f.mean_cca(a, b, "squared").item() == pytest.approx(0.25)
    assert f.linear_cka(a, b, form="angle").item() == pytest.approx(math.acos(0.25))
    assert f.procrustes_distance(a, b, "distance").item() == pytest.approx(1.0)
    assert f.procrustes_distance(a, b, "angular").item() == pytest.approx(math.pi / 3)
    assert f.procrustes_distance(a, b, "disparity").item() == pytest.approx(0.75)
    assert f.correlation_match(-a, b).item() == pytest.approx(-0.5)
    assert f.gulp_distance(a, b, 1.0).item() == pytest.approx(0.25 + 0.25 - 2 * 0.25 / 4)


def test_pwcca_weighs_by_the_side_it_is_told_to() -> None:
    e = _orthonormal(30, 3)
    a, b = e[:, :2] * torch.tensor([3.0, 1.0]), e[:, [0, 2]]
    assert f.pwcca(a, b).item() == pytest.approx(3 / 4)
    assert f.pwcca(a, b, weights_from="b").item() == pytest.approx(1 / 2)


def test_svcca_does_not_depend_on_scale_and_tells_what_it_keeps() -> None:
    e = _orthonormal(50, 4)
    a = e * torch.tensor([3.0, 2.0, 1.0, 0.1])
    for scale in (1e-3, 1.0, 1e3):
        score = f.svcca_components(scale * a, e, variance_share=0.99)
        assert score[1:] == (3, 4)
        assert score.similarity.item() == pytest.approx(1.0)
    assert f.svcca_components(a, e, n_components=9)[1:] == (4, 4)
    assert f.svcca_components(a, e, variance_share=13 / 14.01 - 1e-9)[1] == 2


def test_independent_data_is_at_its_documented_value() -> None:
    a, b = _normal(4000, 40), _normal(4000, 40, seed=1)
    assert f.linear_cka(a, b).item() == pytest.approx(40 / 4000, rel=0.05)
    assert f.linear_cka(a, b, estimator="debiased").item() == pytest.approx(0, abs=2e-3)
    assert f.mean_cca(a, b, "squared").item() == pytest.approx(40 / 4000, rel=0.05)
    assert f.linear_regression_r2(a, b).item() == pytest.approx(40 / 3999, rel=0.05)
    assert f.eigenspace_overlap(a, b).item() == pytest.approx(40 / 4000, rel=0.05)
    assert f.gulp_distance(a, b).item() == pytest.approx(80 - 80 * 40 / 4000, rel=0.01)
    assert 0.7 < f.correlation_match(a, b, "a_to_b").item() / math.sqrt(2 * math.log(40) / 4000) < 1
    assert f.bures_similarity(a, b).item() == pytest.approx(math.sqrt(40 / 4000), rel=0.2)
    with pytest.warns(SimilarityWarning, match="100 rows in 256 columns"):
        assert f.svcca(_normal(100, 256), _normal(100, 256, seed=1)).item() > 0.95


@pytest.mark.parametrize("dissimilarity", ["correlation", "cosine", "euclidean", "squared_euclidean"])
@pytest.mark.parametrize("width", [3, 60])
def test_rsa_is_the_correlation_of_distances(dissimilarity: str, width: int) -> None:
    """Narrow data goes by sums, wide data by blocks."""
    a, b = _normal(40, width) + 1, _normal(40, width, seed=1)
    b = b + a
    upper = torch.triu_indices(40, 40, 1)
    distances = []
    for rows in (a, b):
        x = rows - rows.mean(1, keepdim=True) if dissimilarity == "correlation" else rows
        cosine = torch.nn.functional.cosine_similarity(x[upper[0]], x[upper[1]], dim=1)
        length = (x[upper[0]] - x[upper[1]]).norm(dim=1)
        distances.append({"euclidean": length, "squared_euclidean": length**2}.get(dissimilarity, 1 - cosine))
    value = representational_similarity(a, b, dissimilarity, "pearson")
    assert value.item() == pytest.approx(pearsonr(*distances).statistic, rel=1e-9)
    value = representational_similarity(a, b, dissimilarity)
    assert value.item() == pytest.approx(spearmanr(*distances).statistic, rel=1e-9)


def test_rsa_of_many_rows_samples_rows_and_says_so() -> None:
    a = _normal(300, 6)
    b = a + _normal(300, 6, seed=1)
    exact = representational_similarity(a, b)
    with pytest.warns(
        SimilarityWarning, match=r"pairs of 100 sampled rows of 300 \(seed 5\): standard error"
    ):
        value = representational_similarity(a, b, max_pairs=4950, seed=5)
    estimate = sampled_similarity(a, b, max_pairs=4950, seed=5)
    assert value == estimate.similarity
    many = [sampled_similarity(a, b, max_pairs=4950, seed=seed) for seed in range(40)]
    errors = torch.stack([one.similarity - exact for one in many])
    stated = torch.stack([one.standard_error for one in many])
    assert stated.mean().item() == pytest.approx(errors.std().item(), rel=0.3)
    assert errors.mean().abs() < 4 * errors.std() / 40**0.5
    assert sampled_similarity(a, b, max_pairs=44850).standard_error == 0


def test_halves_of_many_rows_take_the_same_sample() -> None:
    a = _normal(60, 6)
    b = a + _normal(60, 6, seed=1)
    halves = declaration_of(representational_similarity).halves({"max_pairs": 190, "seed": 4}, 60)
    assert halves is not None
    sides = halves.prepare(a), halves.prepare(b)
    sample = sampled_rows(60, 190, 4)
    value = sampled_similarity(a, b, max_pairs=190, seed=4).similarity.item()
    assert halves.repaired(*sides, torch.arange(60)).item() == pytest.approx(value, abs=1e-12)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    ranks = order[sample].sort().indices.sort().indices
    expected = representational_similarity(a[sample], b[sample][ranks]).item()
    assert halves.repaired(*sides, order).item() == pytest.approx(expected, abs=1e-12)
    assert halves.compare(sides[0], halves.permute(sides[1], order)).item() == pytest.approx(
        expected, abs=1e-12
    )
    with pytest.warns(SimilarityWarning, match="20 sampled rows"):
        null = permutation_null(representational_similarity, a, b, 99, max_pairs=190, seed=4)
    assert null.p_value == 0.01
    assert abs(null.null_mean) < 0.1


def _k_hot(n: int, d: int, k: int) -> Tensor:
    g = torch.Generator().manual_seed(0)
    rows = [torch.randperm(d, generator=g)[:k] for _ in range(n)]
    return torch.zeros(n, d, dtype=torch.float64).scatter_(1, torch.stack(rows), 1.0)


@pytest.mark.parametrize("dissimilarity", ["correlation", "cosine", "euclidean", "squared_euclidean"])
@pytest.mark.parametrize(("width", "fired"), [(64, 4), (16, 1), (64, 3)])
def test_rsa_counts_exact_ties_as_scipy_does(dissimilarity: str, width: int, fired: int) -> None:
    a = _k_hot(80, width, fired)
    b = (a + _k_hot(160, width, fired)[80:] > 0).double()
    metric = {"squared_euclidean": "sqeuclidean"}.get(dissimilarity, dissimilarity)
    # scipy's own rounding, which parts some of its ties.
    expected = spearmanr(*(pdist(side.numpy(), metric).round(12) for side in (a, b))).statistic
    order = torch.randperm(width, generator=torch.Generator().manual_seed(1))
    for side in (a, 3 * a[:, order]):
        value = representational_similarity(side, b, dissimilarity)
        assert value.item() == pytest.approx(expected, abs=1e-12)
        halves = representational_similarity_halves(dissimilarity)
        compared = halves.compare(halves.prepare(side), halves.prepare(b))
        assert compared.item() == pytest.approx(expected, abs=1e-12)
    assert representational_similarity(a, a[:, order], dissimilarity).item() == pytest.approx(1, abs=1e-12)
    assert representational_similarity(a.float(), b.float(), dissimilarity).item() == pytest.approx(expected)


def test_rsa_needs_no_square_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = _normal(70, 5), _normal(70, 5, seed=1)
    whole = [representational_similarity(a, b, "euclidean", c) for c in ("pearson", "l2")]
    module = sys.modules["saesim_pl.functional.geometry.representational_similarity"]
    monkeypatch.setattr(module, "BLOCK_ENTRIES", 500)
    blocks = [representational_similarity(a, b, "euclidean", c) for c in ("pearson", "l2")]
    torch.testing.assert_close(blocks, whole, rtol=1e-12, atol=0)


def test_spectral_norm_of_many_rows_is_that_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = _normal(60, 5), _normal(60, 5, seed=1)
    dense = f.rsm_norm_difference(a, b)
    monkeypatch.setattr(sys.modules["saesim_pl.functional.geometry.rsm_norm_difference"], "DENSE_ROWS", 10)
    assert f.rsm_norm_difference(a, b).item() == pytest.approx(dense.item(), rel=1e-9)
    assert f.rsm_norm_difference(a, a).item() == 0


def test_badly_scaled_columns_cost_no_correlation() -> None:
    """One column of a thousand times the variance, as language models have."""
    a, b = _normal(200, 6), _normal(200, 6, seed=1)
    b = b + a
    scales = torch.tensor([1e6, 1.0, 1.0, 1e-3, 1.0, 1.0], dtype=torch.float64)
    assert f.mean_cca(a * scales, b).item() == pytest.approx(f.mean_cca(a, b).item(), rel=1e-9)


def test_scores_that_say_little_warn() -> None:
    few, wide = _normal(9, 2), _normal(30, 30)
    paired = [f.mean_cca, f.linear_cka, f.representational_similarity, f.distance_correlation, f.rbf_cka]
    for measure in (*paired, f.procrustes_distance, f.aligned_cosine_similarity, f.rsm_norm_difference):
        with pytest.warns(SimilarityWarning, match="a score on 9 pairs of rows is mostly noise"):
            measure(few, few)
    for measure in (
        f.mean_cca,
        f.svcca,
        f.pwcca,
        f.linear_regression_r2,
        f.eigenspace_overlap,
        f.gulp_distance,
    ):
        with pytest.warns(SimilarityWarning, match="30 rows in 30 columns"):
            measure(wide, wide)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f.mean_cca(_normal(32, 30), _normal(32, 30, seed=1))
