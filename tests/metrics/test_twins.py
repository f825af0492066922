"""Metrics are twins of declared functions: one set of options and facts, and a given matching is used."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from saesim_pl import functional, metrics
from saesim_pl.functional import match_by_cosine
from saesim_pl.functional.ground import declaration
from saesim_pl.functional.ground.declaration import Blind, declarations, declared
from saesim_pl.functional.invariances import invariance_table
from saesim_pl.metrics.mean_over_updates import MatchedMetric
from saesim_pl.metrics.measure_metric import MeasureMetric
from saesim_pl.metrics.rows_metric import RowsMetric

TWINS = [each for each in map(vars(metrics).get, metrics.__all__) if issubclass(each, MeasureMetric)]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_each_declared_measure_has_one_twin() -> None:
    assert {twin.function for twin in TWINS} == {each.measure for each in declarations()}
    assert len(TWINS) == len(declarations())


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_a_twin_has_its_functions_defaults_and_facts(twin: type[MeasureMetric]) -> None:
    metric = twin()
    facts = metric.declaration
    expected = facts.completed({})
    assert metric.options == {name: expected[name] for name in metric.options}
    left_out = expected.keys() - metric.options.keys()
    assert left_out <= {"matching", "memory_budget"}
    assert metric.higher_is_better is facts.higher_is_better({})
    assert (metric.plot_lower_bound, metric.plot_upper_bound) == facts.bounds({})
    takes_matching = "matching" in inspect.signature(metric.update).parameters
    assert takes_matching is (facts.matching is not None) is issubclass(twin, MatchedMetric)


def test_options_change_the_facts() -> None:
    assert metrics.LinearCKA(form="angle").higher_is_better is False
    assert metrics.RepresentationalSimilarity(comparison="l2").plot_upper_bound is None
    assert metrics.MatchedCosineSimilarity(absolute=True).plot_lower_bound == 0
    assert metrics.JaccardSimilarity(k=3).options["k"] == 3


@pytest.mark.parametrize("twin", [each for each in TWINS if issubclass(each, MatchedMetric)])
def test_a_matching_is_handed_on(twin: type[MatchedMetric]) -> None:
    a, b = normal(12, 6), normal(12, 6) + 0.3 * normal(12, 6, seed=1)
    # Not the pairs that a search would find.
    matching = match_by_cosine(a, -b, "hungarian")
    metric = twin()
    metric.update(a, b, matching=matching)
    assert metric.compute().item() == twin.function(a, b, **metric.options, matching=matching).item()
    if twin is not metrics.FractionShared:
        metric.reset()
        metric.update(a, b)
        assert metric.compute().item() != twin.function(a, b, **metric.options, matching=matching).item()


def updated_together(members: dict[str, Metric]) -> MetricCollection:
    """First with sides on which all members agree, then with others."""
    collection = MetricCollection(members)
    same = normal(20, 6, seed=7)
    collection.update(same, same)
    collection.update(normal(20, 6), normal(20, 6) + 0.9 * normal(20, 6, seed=1))
    return collection


@pytest.mark.parametrize(
    "members",
    [
        {
            "mmcs": (metrics.MeanMaxCosineSimilarity, {}),
            "hung": (metrics.MatchedCosineSimilarity, {"method": "hungarian"}),
            "abs": (metrics.MatchedCosineSimilarity, {"method": "argmax", "absolute": True}),
        },
        {
            "most": (metrics.FractionRecovered, {"threshold": 0.5}),
            "few": (metrics.FractionRecovered, {"threshold": 0.9}),
            "different": (metrics.Uniqueness, {}),
        },
    ],
    ids=["cosines", "shares"],
)
def test_a_collection_keeps_metrics_apart_that_agree_once(members: dict[str, Any]) -> None:
    together = updated_together({name: cls(**options) for name, (cls, options) in members.items()}).compute()
    for name, (cls, options) in members.items():
        alone = updated_together({name: cls(**options)}).compute()[name]
        assert together[name].item() == alone.item(), name
    assert len({value.item() for value in together.values()}) == len(members)


@pytest.fixture
def sign_agreement() -> Iterator[Any]:
    """A measure of its own, as a user would add it: one function and its declaration."""

    @declared(
        needs="pairs",
        bounds=lambda options: (0.0, options["scale"]),
        blind=(Blind("isotropic_scale"),),
    )
    def sign_agreement(a: Tensor, b: Tensor, scale: float = 1.0) -> Tensor:
        return scale * (a.sign() == b.sign()).double().mean()

    yield sign_agreement
    del declaration._DECLARATIONS[sign_agreement]


def test_a_new_measure_costs_a_declared_function_and_a_twin(sign_agreement: Any) -> None:
    class SignAgreement(RowsMetric):
        function = staticmethod(sign_agreement)

        def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.scale = scale

    assert "| `sign_agreement` |  |  | yes |  |  |  | yes |" in invariance_table().splitlines()
    a, b = normal(30, 4), normal(30, 4) + normal(30, 4, seed=1)
    metric = SignAgreement(scale=2.0)
    metric.update(a[:10], b[:10])
    metric.update(a[10:], b[10:])
    assert metric.compute().item() == sign_agreement(a, b, 2.0).item()
    assert metric.plot_upper_bound == 2.0
    assert functional.permutation_null(sign_agreement, a, b, 99, scale=2.0).p_value == 0.01
    assert functional.subset_null(sign_agreement, a, b, torch.arange(5), 9).n_permutations == 9
