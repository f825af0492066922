"""Twin of :mod:`saesim_pl.functional.subspaces.correlation_match`."""

from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.correlation_match import ASSIGNMENTS, correlation_match_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class CorrelationMatch(SimilarityMetric):
    """See :func:`~saesim_pl.functional.correlation_match`; keeps sums.

    Args:
        assignment: How columns find partners.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = True
    higher_is_better = True
    plot_lower_bound = -1.0
    plot_upper_bound = 1.0

    def __init__(
        self, assignment: Literal["hard", "soft", "a_to_b", "b_to_a"] = "hard", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_option("assignment", assignment, ASSIGNMENTS)
        self.assignment = assignment

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return correlation_match_from_sums(sums_of(self.metric_state), assignment=self.assignment)
