"""Twin of :mod:`saesim_pl.functional.subspaces.pwcca`."""

from typing import Any, Literal

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.pwcca import SIDES, pwcca, pwcca_from_sums
from saesim_pl.metrics.sums_metric import SumsMetric


class PWCCA(SumsMetric):
    """See :func:`~saesim_pl.functional.pwcca`; keeps sums.

    Args:
        weights_from: The side whose columns weigh.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import PWCCA
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = PWCCA()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.74
    """

    function = staticmethod(pwcca)
    from_sums = staticmethod(pwcca_from_sums)
    is_differentiable = False

    def __init__(self, weights_from: Literal["a", "b"] = "a", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("weights_from", weights_from, SIDES)
        self.weights_from = weights_from
