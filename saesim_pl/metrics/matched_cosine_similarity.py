"""Matched cosine similarity as a metric."""

from typing import Any, get_args

from saesim_pl.functional.dictionaries.matched_cosine_similarity import matched_cosine_similarity
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.pairing.matching import MatchingMethod
from saesim_pl.metrics.mean_over_updates import MatchedMetric


class MatchedCosineSimilarity(MatchedMetric):
    """See :func:`~saesim_pl.functional.matched_cosine_similarity`; mean over updates.

    Args:
        method: How rows choose each other: ``argmax``, ``mutual`` or ``hungarian``.
        absolute: Compare ``|cosine|``.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import MatchedCosineSimilarity
        >>> a = torch.eye(3)
        >>> b = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> metric = MatchedCosineSimilarity()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.9
    """

    function = staticmethod(matched_cosine_similarity)

    def __init__(self, method: MatchingMethod = "hungarian", absolute: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("method", method, get_args(MatchingMethod))
        self.method: MatchingMethod = method
        self.absolute = absolute
