"""Twin of :mod:`saesim_pl.functional.geometry.distance_correlation`."""

from torch import Tensor

from saesim_pl.functional.geometry.distance_correlation import distance_correlation
from saesim_pl.metrics.paired_rows import PairedRowsStore, rows_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class DistanceCorrelation(SimilarityMetric):
    """See :func:`~saesim_pl.functional.distance_correlation`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedRowsStore()
    is_differentiable = False
    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return distance_correlation(*rows_of(self))
