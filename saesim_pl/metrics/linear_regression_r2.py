"""Twin of :mod:`saesim_pl.functional.subspaces.linear_regression_r2`."""

from typing import Any, Literal

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.linear_regression_r2 import (
    DIRECTIONS,
    linear_regression_r2,
    linear_regression_r2_from_sums,
)
from saesim_pl.metrics.sums_metric import SumsMetric


class LinearRegressionR2(SumsMetric):
    """See :func:`~saesim_pl.functional.linear_regression_r2`; keeps sums.

    Args:
        direction: Which side predicts which.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import LinearRegressionR2
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = LinearRegressionR2()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.563
    """

    function = staticmethod(linear_regression_r2)
    from_sums = staticmethod(linear_regression_r2_from_sums)
    is_differentiable = False

    def __init__(self, direction: Literal["a_to_b", "b_to_a"] = "a_to_b", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("direction", direction, DIRECTIONS)
        self.direction = direction
