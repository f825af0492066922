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
    """

    function = staticmethod(pwcca)
    from_sums = staticmethod(pwcca_from_sums)
    is_differentiable = False

    def __init__(self, weights_from: Literal["a", "b"] = "a", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("weights_from", weights_from, SIDES)
        self.weights_from = weights_from
