"""A metric as the comparison uses it: the rows that it takes, and its declaration."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from saesim_pl.comparison.sides import Sides
from saesim_pl.functional import Matching
from saesim_pl.functional.ground.declaration import Declaration
from saesim_pl.metrics.measure_metric import MeasureMetric


class Measure:
    """A named metric.

    Metrics of :mod:`saesim_pl.metrics` know their function, whose declaration says which rows they take and
    which direction is better. Any other :class:`torchmetrics.Metric` takes the matched rows by
    ``update(a, b)``, or both sides and the pairs by ``update(a, b, matching)``; it must say
    ``higher_is_better``.

    Args:
        name: Name in keys and tables.
        metric: The metric, whose options are used; its state is left alone.

    Raises:
        TypeError: It is no torchmetrics Metric.
        ValueError: It does not say which direction is better.
    """

    def __init__(self, name: str, metric: Metric) -> None:
        if not isinstance(metric, Metric):
            raise TypeError(f"metrics: {name} must be a torchmetrics Metric, got {type(metric).__name__}")
        self.name, self.metric = name, metric
        self.declaration: Declaration | None = None
        self.options: Mapping[str, Any] = {}
        if isinstance(metric, MeasureMetric):
            self.declaration, self.options = metric.declaration, metric.options
        better = metric.higher_is_better
        if self.declaration is None and not isinstance(better, bool):
            raise ValueError(
                f"metrics: {name} ({type(metric).__name__}) does not say higher_is_better = True or False"
            )
        self.higher_is_better = (
            bool(better) if self.declaration is None else self.declaration.higher_is_better(self.options)
        )
        takes = inspect.signature(metric.update).parameters
        self.takes_matching = "matching" in takes if self.declaration is None else self._uses("pairing")

    def _uses(self, matching: str) -> bool:
        return self.declaration is not None and self.declaration.matching == matching

    @property
    def best(self) -> float | None:
        """The best score there can be, where there is one."""
        return None if self.declaration is None else self.declaration.best(self.options)

    @property
    def bounded(self) -> bool:
        """Whether scores are known to have a range."""
        return self.declaration is not None and None not in self.declaration.bounds(self.options)

    @property
    def directed(self) -> bool:
        """Whether the other order of the sides is another question."""
        return self.declaration is not None and self.declaration.directed

    @property
    def one_space(self) -> bool:
        """Whether it takes cosines between the rows of both sides."""
        return self.declaration is not None and self.declaration.one_space

    @property
    def sees_pairing(self) -> bool:
        """Whether it depends on which row is paired with which."""
        if self.declaration is None:
            return True
        return self.declaration.needs == "pairs" or self.takes_matching

    @property
    def own_pairs(self) -> bool:
        """Whether it seeks its own pairs among all rows, so that every pairing gives one score."""
        return self.declaration is not None and self.one_space and not self.takes_matching

    @property
    def needs_encoder(self) -> bool:
        """Whether rows are encoders and decoders side by side."""
        return self.declaration is not None and self.declaration.encoder

    @property
    def min_pairs(self) -> int:
        """Fewest pairs for which the score is informative."""
        if self.declaration is None:
            return 1
        return max(1, self.declaration.min_rows(self.options)) if self.sees_pairing else 1

    def takes_rows(self, by_position: bool) -> bool:
        """Whether it is given the matched rows alone, and not both sides whole."""
        whole = self.own_pairs or self.takes_matching or (by_position and not self.sees_pairing)
        return not whole

    def of_sides(self, sides: Sides, matching: Matching, by_position: bool = False) -> float:
        """The score of two sides that are paired so; unpaired rows count where no pairing is seen."""
        if self.takes_rows(by_position):
            return self.of_rows(*sides.paired_rows(matching))
        rows = sides.with_encoders() if self.needs_encoder else (sides.a.directions, sides.b.directions)
        if self._uses("argmax"):
            return self.of_rows(*rows, matching=sides.matching("cosine", "argmax"))
        return self.of_rows(*rows, matching=matching) if self.takes_matching else self.of_rows(*rows)

    def of_rows(self, a: Tensor, b: Tensor, **matching: Matching) -> float:
        """The score of these rows.

        Raises:
            ValueError: It is NaN or infinite.
        """
        with torch.no_grad():
            if self.declaration is not None:
                value = float(self.declaration.measure(a, b, **self.options, **matching))
            else:
                fresh = fresh_copy(self.metric).to(a.device)
                fresh.reset()
                fresh.update(a, b, **matching)
                value = float(fresh.compute())
        if not math.isfinite(value):
            said = "NaN" if math.isnan(value) else "infinite"
            raise ValueError(f"{self.name} of {len(a)} and {len(b)} rows is {said}")
        return value


def fresh_copy(metric: Metric) -> Metric:
    """A copy of a metric that asks no other process: whoever computes has all rows."""
    copy = metric.clone()
    copy.distributed_available_fn = lambda: False
    return copy


def measures_of(metrics: Mapping[str, Metric]) -> list[Measure]:
    """Metrics by name, as the comparison uses them.

    Raises:
        TypeError: One is no Metric.
        ValueError: The mapping is empty, a name is not allowed in a key, or a metric is unsuited.
    """
    if not metrics:
        raise ValueError("metrics is empty: name at least one")
    for name in metrics:
        if not name.isidentifier():
            raise ValueError(f"metrics: {name!r} cannot name a metric: take letters, digits and underscores")
    return [Measure(name, metric) for name, metric in metrics.items()]
