"""Uniqueness as a metric."""

from saesim_pl.functional.dictionaries.uniqueness import uniqueness
from saesim_pl.metrics.mean_over_updates import MatchedMetric


class Uniqueness(MatchedMetric):
    """See :func:`~saesim_pl.functional.uniqueness`; mean over updates.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import Uniqueness
        >>> a = torch.eye(3)
        >>> b = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> metric = Uniqueness()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.667
    """

    function = staticmethod(uniqueness)
