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

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import MagnitudeDifference
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = MagnitudeDifference()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.208
    """

    function = staticmethod(magnitude_difference)
    from_sums = staticmethod(magnitude_difference_from_sums)
    is_differentiable = True
