"""Twin of :mod:`saesim_pl.functional.subspaces.linear_regression_r2`."""

from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.linear_regression_r2 import DIRECTIONS, linear_regression_r2_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class LinearRegressionR2(SimilarityMetric):
    """See :func:`~saesim_pl.functional.linear_regression_r2`; keeps sums.

    Args:
        direction: Which side predicts which.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = False
    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def __init__(self, direction: Literal["a_to_b", "b_to_a"] = "a_to_b", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("direction", direction, DIRECTIONS)
        self.direction = direction

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return linear_regression_r2_from_sums(sums_of(self.metric_state), direction=self.direction)
