"""Twin of :mod:`saesim_pl.functional.dictionaries.uniformity_difference`."""

from saesim_pl.functional.dictionaries.uniformity_difference import uniformity_difference
from saesim_pl.metrics.rows_metric import RowsMetric


class UniformityDifference(RowsMetric):
    """See :func:`~saesim_pl.functional.uniformity_difference`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import UniformityDifference
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = UniformityDifference()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.341
    """

    function = staticmethod(uniformity_difference)
    is_differentiable = True
