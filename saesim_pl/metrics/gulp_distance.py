"""Twin of :mod:`saesim_pl.functional.subspaces.gulp_distance`."""

from typing import Any

from saesim_pl.functional.subspaces.gulp_distance import (
    check_regularization,
    gulp_distance,
    gulp_distance_from_sums,
)
from saesim_pl.metrics.sums_metric import SumsMetric


class GulpDistance(SumsMetric):
    """See :func:`~saesim_pl.functional.gulp_distance`; keeps sums.

    Args:
        regularization: Ridge penalty, in units of a side's total variance.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import GulpDistance
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = GulpDistance()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        2.723
    """

    function = staticmethod(gulp_distance)
    from_sums = staticmethod(gulp_distance_from_sums)
    is_differentiable = False

    def __init__(self, regularization: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_regularization(regularization)
        self.regularization = regularization
