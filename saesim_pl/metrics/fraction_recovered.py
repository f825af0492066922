"""Fraction of features recovered as a metric."""

from typing import Any

from saesim_pl.functional.dictionaries.fraction_recovered import fraction_recovered
from saesim_pl.functional.ground.inputs import check_cosine
from saesim_pl.metrics.mean_over_updates import MatchedMetric


class FractionRecovered(MatchedMetric):
    """See :func:`~saesim_pl.functional.fraction_recovered`; mean over updates.

    Args:
        threshold: Cosine above which a feature counts as found.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import FractionRecovered
        >>> a = torch.eye(3)
        >>> b = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> metric = FractionRecovered()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.333
    """

    function = staticmethod(fraction_recovered)

    def __init__(self, threshold: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_cosine("threshold", threshold)
        self.threshold = threshold
