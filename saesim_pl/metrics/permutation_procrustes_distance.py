"""Twin of :mod:`saesim_pl.functional.geometry.permutation_procrustes_distance`."""

from typing import Any, Literal

from saesim_pl.functional.geometry.permutation_procrustes_distance import (
    FORMS,
    permutation_procrustes_distance,
    permutation_procrustes_distance_from_sums,
)
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.metrics.sums_metric import SumsMetric


class PermutationProcrustesDistance(SumsMetric):
    """See :func:`~saesim_pl.functional.permutation_procrustes_distance`; keeps sums.

    Args:
        form: Which distance.
        center: Subtract the mean row first.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import PermutationProcrustesDistance
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = PermutationProcrustesDistance()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.748
    """

    function = staticmethod(permutation_procrustes_distance)
    from_sums = staticmethod(permutation_procrustes_distance_from_sums)
    is_differentiable = True

    def __init__(
        self,
        form: Literal["distance", "normalized", "angular", "disparity"] = "normalized",
        center: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_option("form", form, FORMS)
        self.form = form
        self.center = center
