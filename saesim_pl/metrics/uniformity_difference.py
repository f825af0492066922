"""Twin of :mod:`saesim_pl.functional.dictionaries.uniformity_difference`."""

from saesim_pl.functional.dictionaries.uniformity_difference import uniformity_difference
from saesim_pl.metrics.rows_metric import RowsMetric


class UniformityDifference(RowsMetric):
    """See :func:`~saesim_pl.functional.uniformity_difference`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(uniformity_difference)
    is_differentiable = True
