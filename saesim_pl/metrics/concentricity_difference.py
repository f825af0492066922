"""Twin of :mod:`saesim_pl.functional.dictionaries.concentricity_difference`."""

from saesim_pl.functional.dictionaries.concentricity_difference import concentricity_difference
from saesim_pl.metrics.rows_metric import RowsMetric


class ConcentricityDifference(RowsMetric):
    """See :func:`~saesim_pl.functional.concentricity_difference`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import ConcentricityDifference
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = ConcentricityDifference()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.089
    """

    function = staticmethod(concentricity_difference)
    is_differentiable = True
