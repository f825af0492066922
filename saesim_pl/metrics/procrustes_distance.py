"""Twin of :mod:`saesim_pl.functional.geometry.procrustes_distance`."""

from typing import Any, Literal

from saesim_pl.functional.geometry.procrustes_distance import (
    FORMS,
    check_alpha,
    procrustes_distance,
    procrustes_distance_from_sums,
)
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.metrics.sums_metric import SumsMetric


class ProcrustesDistance(SumsMetric):
    """See :func:`~saesim_pl.functional.procrustes_distance`; keeps sums.

    Args:
        form: Which distance.
        center: Subtract the mean row first.
        alpha: 1 for rotations only, 0 for any linear map.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import ProcrustesDistance
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = ProcrustesDistance()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.734
    """

    function = staticmethod(procrustes_distance)
    from_sums = staticmethod(procrustes_distance_from_sums)
    is_differentiable = True

    def __init__(
        self,
        form: Literal["distance", "normalized", "angular", "disparity"] = "normalized",
        center: bool = True,
        alpha: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_option("form", form, FORMS)
        check_alpha(alpha)
        self.form = form
        self.center = center
        self.alpha = alpha
