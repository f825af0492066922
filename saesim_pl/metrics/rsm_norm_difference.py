"""Twin of :mod:`saesim_pl.functional.geometry.rsm_norm_difference`."""

from saesim_pl.functional.geometry.rsm_norm_difference import rsm_norm_difference
from saesim_pl.metrics.rows_metric import RowsMetric


class RSMNormDifference(RowsMetric):
    """See :func:`~saesim_pl.functional.rsm_norm_difference`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(rsm_norm_difference)
    is_differentiable = False
