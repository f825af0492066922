"""The whole procedure: plain twins of its draws, planted answers, subsets, and metrics of one's own."""

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from saesim_pl.comparison import (
    CosinePairing,
    FeatureSet,
    GaussianNull,
    Measure,
    Pair,
    PermutationNull,
    ReflectionNull,
    RotationNull,
    SubsetNull,
    Unpaired,
    compare_pairs,
    measures_of,
    null_chooser,
)
from saesim_pl.comparison.defaults import default_metrics
from saesim_pl.comparison.procedure import PairComparison
from saesim_pl.functional import Matching, match_by_cosine
from saesim_pl.metrics import MeanMaxCosineSimilarity
from tests.comparison.unrelated import common_covariance, pair_of, sharing

# Plain twins warn of repeated rows and few pairs; the room keeps such words for the column notes.
pytestmark = pytest.mark.filterwarnings("ignore::saesim_pl.functional.SimilarityWarning")

PAIRINGS = {
    "argmax": CosinePairing("argmax"),
    "mutual": CosinePairing("mutual"),
    "hungarian": CosinePairing(),
    "top": CosinePairing(top=30),
    "unpaired": Unpaired(),
}


def sides(n_a: int = 40, n_b: int = 48, d: int = 16) -> tuple[Tensor, Tensor]:
    a, b = common_covariance(torch.Generator().manual_seed(1), n_a, n_b, d)
    b[:8] = a[:8]
    return a, b


def small_metrics() -> dict[str, Metric]:
    return default_metrics(k=3)


@pytest.mark.parametrize("null", [RotationNull(4), ReflectionNull(4), GaussianNull(4)], ids=str)
@pytest.mark.parametrize("n_b", [40, 48])
@pytest.mark.parametrize("name", ["argmax", "mutual", "hungarian", "top"])
def test_draws_are_the_plain_procedure_repeated(null, n_b: int, name: str) -> None:
    """Halves that are kept between draws change nothing: every draw is matched and scored from scratch."""
    a, b = sides(n_b=n_b)
    pair, pairing = pair_of(a, b), PAIRINGS[name]
    metrics = {n: m for n, m in small_metrics().items() if not n.startswith(("singular", "fraction_shared"))}
    comparison = PairComparison(pair, measures_of(metrics), {name: pairing}, null_chooser(null))
    for asked, scored in zip(comparison.asked, comparison.scored(), strict=True):
        made = null.draws(pair.b, pair.a) if asked.swapped else null.draws(pair.a, pair.b)
        expected = []
        for t in range(4):
            x, y = made(t).a.directions, made(t).b.directions
            matching = match_by_cosine(x, y, pairing.method)
            matching = matching.top(30) if name == "top" else matching
            declared = asked.measure.declaration
            if asked.measure.own_pairs:
                value = declared.measure(x, y, **asked.measure.options)
            elif asked.measure.takes_matching:
                value = declared.measure(x, y, matching=matching, **asked.measure.options)
            else:
                value = declared.measure(x[matching.index_a], y[matching.index_b], **asked.measure.options)
            expected.append(float(value))
        assert scored.draws.tolist() == pytest.approx(expected, rel=2e-4, abs=2e-5), asked.measure.name


def test_shuffled_rows_are_the_plain_procedure_repeated() -> None:
    a, b = sides(n_b=40)
    null = PermutationNull(4)
    metrics = {
        n: small_metrics()[n] for n in ("jaccard_similarity", "svcca", "linear_cka", "procrustes_distance")
    }
    comparison = PairComparison(pair_of(a, b), measures_of(metrics), {"": Unpaired()}, null_chooser(null))
    made = null.draws(comparison.pair.a, comparison.pair.b)
    for asked, scored in zip(comparison.asked, comparison.scored(), strict=True):
        function = asked.measure.declaration.measure
        expected = [float(function(a, made(t).b.directions, **asked.measure.options)) for t in range(4)]
        assert scored.draws.tolist() == pytest.approx(expected, rel=2e-4, abs=2e-5)


def test_a_planted_copy_has_the_least_p_on_every_measure() -> None:
    a, _ = sides(60, 60, 24)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    rows = compare_pairs(
        [pair_of(a, a[order])],
        measures_of(small_metrics()),
        {"hungarian": CosinePairing()},
        null_chooser(None, 19),
    )
    assert {row.p_value for row in rows} == {0.05}
    for row in rows:
        if row.effect is not None:
            assert row.effect == pytest.approx(1, abs=1e-3), row.measure


def test_a_rotated_copy_is_perfect_in_its_order_and_chance_by_cosine() -> None:
    a, _ = sides(60, 60, 24)
    rotation = torch.linalg.qr(torch.randn(24, 24, generator=torch.Generator().manual_seed(3))).Q
    names = ("representational_similarity", "linear_cka", "procrustes_distance", "jaccard_similarity")
    metrics = {name: small_metrics()[name] for name in names}
    pairings = {"hungarian": CosinePairing(), "unpaired": Unpaired()}
    chosen = null_chooser(None, 19)
    rows = compare_pairs([pair_of(a, a @ rotation)], measures_of(metrics), pairings, chosen)
    for row in rows:
        if row.pairing == "unpaired":
            assert row.p_value == 0.05
            assert row.effect == pytest.approx(1, abs=1e-3)
    by_cosine = compare_pairs(
        [pair_of(a, a @ rotation)],
        measures_of(metrics),
        {"": CosinePairing()},
        null_chooser(RotationNull(19)),
    )
    assert min(row.p_value for row in by_cosine) > 0.05


def test_scores_do_not_depend_on_the_order_of_rows() -> None:
    a, b = sides()
    order = torch.randperm(48, generator=torch.Generator().manual_seed(2))
    pairings = {name: PAIRINGS[name] for name in ("argmax", "mutual", "hungarian", "top")}
    one, other = (
        compare_pairs([pair_of(a, rows)], measures_of(small_metrics()), pairings, null_chooser(None, 9))
        for rows in (b, b[order])
    )
    for row, moved in zip(one, other, strict=True):
        assert moved.value == pytest.approx(row.value, rel=1e-4, abs=1e-6), row.measure


def test_each_pair_is_matched_once_a_method_and_a_side_of_many_questions(monkeypatch) -> None:
    from saesim_pl.functional.pairing import one_to_one

    solved = []
    real = one_to_one.best_assignment
    monkeypatch.setattr(
        one_to_one, "best_assignment", lambda score: solved.append(score.shape) or real(score)
    )
    a, b = sides()
    metrics = {name: metric for name, metric in small_metrics().items() if name != "mcc"}
    compare_pairs([pair_of(a, b)], measures_of(metrics), {"hungarian": CosinePairing()}, lambda *_: None)
    assert solved == [(40, 48)]


def test_groups_are_compared_with_all_rows_of_the_other_side() -> None:
    a, b = sides()
    mask = torch.arange(40) < 8
    pair = Pair(FeatureSet("a", a, "s", groups={"copied": mask}), FeatureSet("b", b, "s"), ("all", "copied"))
    rows = compare_pairs([pair], measures_of({"mmcs": MeanMaxCosineSimilarity()}), {}, null_chooser(None, 19))
    by_key = {(row.pair, row.subset): row for row in rows}
    assert set(by_key) == {("a~b", "all"), ("b~a", "all"), ("a~b", "copied")}
    assert by_key["a~b", "copied"].value == pytest.approx(1, abs=1e-5)
    chosen = null_chooser(SubsetNull(19))
    pair = Pair(pair.a, pair.b, ("copied",))
    [row] = compare_pairs([pair], measures_of({"mmcs": MeanMaxCosineSimilarity()}), {}, chosen)
    assert row.p_value == 0.05  # no other eight rows are copied


class MeanDot(Metric):
    """A metric of one's own: the mean inner product of paired rows."""

    higher_is_better = True

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0))

    def update(self, a: Tensor, b: Tensor) -> None:
        self.total += (a * b).sum(1).mean()

    def compute(self) -> Tensor:
        return self.total


class PairsCounted(MeanDot):
    """A metric of one's own that takes the pairs."""

    def update(self, a: Tensor, b: Tensor, matching: Matching) -> None:
        self.total += len(matching)


def test_a_metric_of_ones_own_is_scored_and_has_a_null() -> None:
    a, b = sides()
    rows = compare_pairs(
        [pair_of(a, b)],
        measures_of({"dot": MeanDot(), "pairs": PairsCounted()}),
        {"mutual": CosinePairing("mutual")},
        null_chooser(None, 19),
    )
    matching = match_by_cosine(a, b, "mutual")
    expected = (a[matching.index_a] * b[matching.index_b]).sum(1).mean().item()
    assert rows[0].value == pytest.approx(expected, rel=1e-5)
    assert (rows[0].null, rows[0].p_value) == ("ReflectionNull(19)", rows[0].p_value)
    assert rows[1].value == len(matching)


def test_what_is_no_metric_is_refused() -> None:
    class Undirected(MeanDot):
        higher_is_better = None

    class NotANumber(MeanDot):
        def compute(self) -> Tensor:
            return torch.tensor(float("nan"))

    class Endless(MeanDot):
        def compute(self) -> Tensor:
            return torch.tensor(float("inf"))

    with pytest.raises(ValueError, match="x of 40 and 40 rows is infinite"):
        compare_pairs(
            [pair_of(*sides())], measures_of({"x": Endless()}), {"": CosinePairing()}, lambda *_: None
        )
    with pytest.raises(TypeError, match="metrics: x must be a torchmetrics Metric, got Linear"):
        measures_of({"x": torch.nn.Linear(2, 2)})
    with pytest.raises(ValueError, match="does not say higher_is_better"):
        Measure("x", Undirected())
    with pytest.raises(ValueError, match="'a/b' cannot name a metric"):
        measures_of({"a/b": MeanDot()})
    with pytest.raises(ValueError, match="x of 40 and 40 rows is NaN"):
        compare_pairs(
            [pair_of(*sides())], measures_of({"x": NotANumber()}), {"": CosinePairing()}, lambda *_: None
        )


def test_spaces_and_widths_that_differ_are_refused_under_cosine() -> None:
    a, b = sides()
    measures = measures_of({"mmcs": MeanMaxCosineSimilarity()})
    one, other = FeatureSet("a", a, "x"), FeatureSet("b", b, "y")
    with pytest.raises(ValueError, match="a \\(x\\) and b \\(y\\) have different spaces"):
        compare_pairs([Pair(one, other)], measures, {}, null_chooser())
    assert compare_pairs([Pair(one, other, one_space=True)], measures, {}, null_chooser(None, 9))
    with pytest.raises(ValueError, match="a has d_in=16, c has 3"):
        compare_pairs([Pair(one, FeatureSet("c", b[:, :3], "x"))], measures, {}, null_chooser())
    with pytest.raises(ValueError, match="b holds 1 entries that are NaN"):
        FeatureSet("b", torch.tensor([[1.0, float("nan")]]))


def test_a_constant_score_has_no_p_value_and_says_so() -> None:
    class Constant(MeanDot):
        def compute(self) -> Tensor:
            return torch.tensor(2.0)

    chosen = null_chooser(None, 9)
    [row] = compare_pairs([pair_of(*sides())], measures_of({"x": Constant()}), {"": CosinePairing()}, chosen)
    assert (row.value, row.p_value, row.z) == (2.0, None, 0.0)
    assert "the null cannot move it" in row.notes


def test_shared_features_are_found() -> None:
    a, b = sharing(torch.Generator().manual_seed(0), 0.2, n=128, d=64)
    metrics = {name: small_metrics()[name] for name in ("matched_cosine_similarity", "linear_cka")}
    rows = compare_pairs([pair_of(a, b)], measures_of(metrics), {"": CosinePairing()}, null_chooser(None, 19))
    assert {row.p_value for row in rows} == {0.05}


def test_rows_of_a_group_are_sought_among_drawn_rows_in_both_directions() -> None:
    """Half of the features are shared: the other half must come out in neither direction."""
    g = torch.Generator().manual_seed(0)
    rows = [torch.nn.functional.normalize(torch.randn(120, 64, generator=g), dim=1) for _ in range(3)]
    unshared = torch.arange(240) >= 120
    sets = [
        FeatureSet(name, torch.cat([rows[0], own]), "s", groups={"unshared": unshared})
        for name, own in zip("ab", rows[1:], strict=True)
    ]
    metrics = {
        n: m for n, m in default_metrics().items() if n in ("mean_max_cosine_similarity", "uniqueness")
    }
    found = compare_pairs(
        [Pair(*sets, subsets=("unshared",))], measures_of(metrics), {}, null_chooser(None, 99)
    )
    assert {row.pair for row in found} == {"a~b", "b~a"}
    assert all(abs(row.z) < 4 and row.p_value > 0.02 for row in found), found
