"""Twin of :mod:`saesim_pl.functional.geometry.rsm_norm_difference`."""

from saesim_pl.functional.geometry.rsm_norm_difference import rsm_norm_difference
from saesim_pl.metrics.rows_metric import RowsMetric


class RSMNormDifference(RowsMetric):
    """See :func:`~saesim_pl.functional.rsm_norm_difference`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import RSMNormDifference
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = RSMNormDifference()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        23.25
    """

    function = staticmethod(rsm_norm_difference)
    is_differentiable = False
