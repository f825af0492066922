"""Fraction of features shared by two SAEs as a metric."""

from typing import Any, get_args

from saesim_pl.functional.dictionaries.fraction_shared import fraction_shared
from saesim_pl.functional.ground.inputs import check_cosine, check_option
from saesim_pl.functional.pairing.matching import MatchingMethod
from saesim_pl.metrics.mean_over_updates import MatchedMetric


class FractionShared(MatchedMetric):
    """See :func:`~saesim_pl.functional.fraction_shared`; mean over updates.

    Args:
        threshold: Lowest cosine at which two directions count as one.
        method: How rows choose each other: ``argmax``, ``mutual`` or ``hungarian``.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import FractionShared
        >>> a = torch.eye(3).repeat(1, 2)
        >>> b = torch.cat([torch.eye(3), torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 3, 4]])], dim=1)
        >>> metric = FractionShared()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        1.0
    """

    function = staticmethod(fraction_shared)

    def __init__(self, threshold: float = 0.7, method: MatchingMethod = "hungarian", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_cosine("threshold", threshold)
        check_option("method", method, get_args(MatchingMethod))
        self.threshold = threshold
        self.method: MatchingMethod = method
