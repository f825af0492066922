"""Twin of :mod:`saesim_pl.functional.subspaces.correlation_match`."""

from typing import Any, Literal

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.correlation_match import (
    ASSIGNMENTS,
    correlation_match,
    correlation_match_from_sums,
)
from saesim_pl.metrics.sums_metric import SumsMetric


class CorrelationMatch(SumsMetric):
    """See :func:`~saesim_pl.functional.correlation_match`; keeps sums.

    Args:
        assignment: How columns find partners.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import CorrelationMatch
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = CorrelationMatch()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.719
    """

    function = staticmethod(correlation_match)
    from_sums = staticmethod(correlation_match_from_sums)
    is_differentiable = True

    def __init__(
        self, assignment: Literal["hard", "soft", "a_to_b", "b_to_a"] = "hard", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_option("assignment", assignment, ASSIGNMENTS)
        self.assignment = assignment
