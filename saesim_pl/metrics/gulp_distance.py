"""Twin of :mod:`saesim_pl.functional.subspaces.gulp_distance`."""

from typing import Any

from torch import Tensor

from saesim_pl.functional.subspaces.gulp_distance import check_regularization, gulp_distance_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class GulpDistance(SimilarityMetric):
    """See :func:`~saesim_pl.functional.gulp_distance`; keeps sums.

    Args:
        regularization: Ridge penalty, in units of a side's total variance.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = False
    higher_is_better = False
    plot_lower_bound = 0.0

    def __init__(self, regularization: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_regularization(regularization)
        self.regularization = regularization

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return gulp_distance_from_sums(sums_of(self.metric_state), regularization=self.regularization)
