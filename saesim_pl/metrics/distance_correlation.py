"""Twin of :mod:`saesim_pl.functional.geometry.distance_correlation`."""

from saesim_pl.functional.geometry.distance_correlation import distance_correlation
from saesim_pl.metrics.rows_metric import RowsMetric


class DistanceCorrelation(RowsMetric):
    """See :func:`~saesim_pl.functional.distance_correlation`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(distance_correlation)
    is_differentiable = False
