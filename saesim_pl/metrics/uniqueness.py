"""Uniqueness as a metric."""

from saesim_pl.functional.dictionaries.uniqueness import uniqueness
from saesim_pl.metrics.mean_over_updates import MatchedMetric


class Uniqueness(MatchedMetric):
    """See :func:`~saesim_pl.functional.uniqueness`; mean over updates.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(uniqueness)
