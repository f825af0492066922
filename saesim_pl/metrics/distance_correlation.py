"""Twin of :mod:`saesim_pl.functional.geometry.distance_correlation`."""

from saesim_pl.functional.geometry.distance_correlation import distance_correlation
from saesim_pl.metrics.rows_metric import RowsMetric


class DistanceCorrelation(RowsMetric):
    """See :func:`~saesim_pl.functional.distance_correlation`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import DistanceCorrelation
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = DistanceCorrelation()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.777
    """

    function = staticmethod(distance_correlation)
    is_differentiable = False
