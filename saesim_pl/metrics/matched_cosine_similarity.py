"""Matched cosine similarity as a metric."""

from typing import Any

from torch import Tensor

from saesim_pl.functional.dictionaries.matched_cosine_similarity import matched_cosine_similarity
from saesim_pl.functional.pairing.matching import MatchingMethod
from saesim_pl.metrics.mean_over_updates import MeanOverUpdates


class MatchedCosineSimilarity(MeanOverUpdates):
    """See :func:`~saesim_pl.functional.matched_cosine_similarity`; mean over updates.

    Args:
        method: How rows choose each other: ``argmax``, ``mutual`` or ``hungarian``.
        absolute: Compare ``|cosine|``.
        kwargs: Passed on to :class:`torchmetrics.Metric`.
    """

    def __init__(self, method: MatchingMethod = "hungarian", absolute: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method: MatchingMethod = method
        self.absolute = absolute

    def measure(self, a: Tensor, b: Tensor) -> Tensor:
        """Value of one update."""
        return matched_cosine_similarity(a, b, self.method, self.absolute)
