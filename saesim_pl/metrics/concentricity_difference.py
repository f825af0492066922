"""Twin of :mod:`saesim_pl.functional.dictionaries.concentricity_difference`."""

from saesim_pl.functional.dictionaries.concentricity_difference import concentricity_difference
from saesim_pl.metrics.rows_metric import RowsMetric


class ConcentricityDifference(RowsMetric):
    """See :func:`~saesim_pl.functional.concentricity_difference`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(concentricity_difference)
    is_differentiable = True
