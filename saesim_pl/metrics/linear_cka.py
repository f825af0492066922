"""Twin of :mod:`saesim_pl.functional.subspaces.linear_cka`."""

from typing import Any, Literal

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.linear_cka import ESTIMATORS, FORMS, linear_cka, linear_cka_from_sums
from saesim_pl.metrics.sums_metric import SumsMetric


class LinearCKA(SumsMetric):
    """See :func:`~saesim_pl.functional.linear_cka`; keeps sums.

    Args:
        estimator: Estimator of HSIC.
        form: Similarity, or its arccos, a distance.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import LinearCKA
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = LinearCKA()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.534
    """

    function = staticmethod(linear_cka)
    from_sums = staticmethod(linear_cka_from_sums)
    is_differentiable = True

    def __init__(
        self,
        estimator: Literal["biased", "debiased"] = "biased",
        form: Literal["similarity", "angle"] = "similarity",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_option("estimator", estimator, ESTIMATORS)
        check_option("form", form, FORMS)
        self.estimator = estimator
        self.form = form
