"""Twin of :mod:`saesim_pl.functional.dictionaries.magnitude_difference`."""

from saesim_pl.functional.dictionaries.magnitude_difference import (
    magnitude_difference,
    magnitude_difference_from_sums,
)
from saesim_pl.metrics.sums_metric import SumsMetric


class MagnitudeDifference(SumsMetric):
    """See :func:`~saesim_pl.functional.magnitude_difference`; keeps sums.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(magnitude_difference)
    from_sums = staticmethod(magnitude_difference_from_sums)
    is_differentiable = True
