"""Twin of :mod:`saesim_pl.functional.subspaces.mean_cca`."""

from typing import Any, Literal

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.mean_cca import STATISTICS, mean_cca, mean_cca_from_sums
from saesim_pl.metrics.sums_metric import SumsMetric


class MeanCCA(SumsMetric):
    """See :func:`~saesim_pl.functional.mean_cca`; keeps sums.

    Args:
        statistic: Which summary of the correlations.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import MeanCCA
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = MeanCCA()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.735
    """

    function = staticmethod(mean_cca)
    from_sums = staticmethod(mean_cca_from_sums)
    is_differentiable = False

    def __init__(self, statistic: Literal["mean", "trimmed", "squared"] = "mean", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("statistic", statistic, STATISTICS)
        self.statistic = statistic
