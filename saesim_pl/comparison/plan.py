"""Measures and pairings of one pair: those given by the user, or defaults that suit the pair."""

from collections.abc import Mapping
from dataclasses import dataclass

from torchmetrics import Metric

from saesim_pl.comparison.defaults import default_metrics, default_pairings, relational_metrics
from saesim_pl.comparison.feature_set import FeatureSet, check_one_space
from saesim_pl.comparison.measure import Measure, measures_of
from saesim_pl.comparison.pairing import CorrelationPairing, Pairing
from saesim_pl.metrics import MatchedScore


@dataclass(frozen=True)
class Plan:
    """The measures and pairings of one pair.

    Attributes:
        measures: The measures.
        pairings: The pairings, by name.
        note: Measures and pairings that were left out, and why; empty for nothing.
        apart: Why a pairing by correlation was taken although nobody asked for it; else empty.
    """

    measures: list[Measure]
    pairings: dict[str, Pairing]
    note: str = ""
    apart: str = ""

    @property
    def correlates(self) -> bool:
        """Whether it needs latents over samples."""
        return any(pairing.by == "correlation" for pairing in self.pairings.values())


def plan_of(
    a: FeatureSet,
    b: FeatureSet,
    metrics: Mapping[str, Metric] | None,
    pairings: Mapping[str, Pairing] | None,
    one_space: bool,
) -> Plan:
    """The plan for two sets. Whatever was asked for stays, or is refused; defaults suit the pair.

    Args:
        a: One side.
        b: The other side.
        metrics: By name; None for the defaults.
        pairings: By name; None for the defaults.
        one_space: Whether cosines mean something, whatever is known of the spaces.

    Raises:
        TypeError: A metric is not a torchmetrics Metric.
        ValueError: Cosines are asked for where they mean nothing, and nothing else can be done.
    """
    try:
        _check(a, b, one_space)
    except ValueError as error:
        return _apart(a, b, metrics, pairings, error)
    pairings = default_pairings() if pairings is None else dict(pairings)
    if metrics is None:
        metrics = _of_correlations(pairings) or default_metrics()
    return Plan(measures_of(metrics), pairings)


def _of_correlations(pairings: Mapping[str, Pairing]) -> dict[str, Metric]:
    """Default metrics where all pairings are by correlation: cosines would not see their null."""
    if any(pairing.by != "correlation" for pairing in pairings.values()):
        return {}
    return {"correlation_match": MatchedScore()} | relational_metrics()


def _check(a: FeatureSet, b: FeatureSet, one_space: bool) -> None:
    if not one_space or a.directions.shape[1] != b.directions.shape[1]:
        check_one_space(a, b, f"{a.name}~{b.name}")


def _apart(
    a: FeatureSet,
    b: FeatureSet,
    metrics: Mapping[str, Metric] | None,
    pairings: Mapping[str, Pairing] | None,
    reason: ValueError,
) -> Plan:
    """The plan for two sets whose cosines mean nothing."""
    asked = measures_of(metrics) if metrics is not None else []
    by_cosine = any(pairing.by == "cosine" for pairing in (pairings or {}).values())
    if by_cosine or any(measure.one_space for measure in asked):
        raise reason
    apart = ""
    if pairings is None:
        if a.latents is None or b.latents is None:
            raise reason
        apart = str(reason)
        pairings = {"correlation_mutual": CorrelationPairing()}
    left_out = [name for name in default_metrics() if name not in relational_metrics()]
    note = "" if asked else f"{a.name}~{b.name}: no common space, so without {', '.join(left_out)}"
    default = _of_correlations(pairings) or relational_metrics()
    return Plan(asked or measures_of(default), dict(pairings), note, apart)
