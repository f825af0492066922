"""Twin of :mod:`saesim_pl.functional.geometry.representational_similarity`."""

from typing import Any, Literal

import torch
from torch import Tensor

from saesim_pl.functional.geometry.dissimilarities import comparable_rows
from saesim_pl.functional.geometry.representational_similarity import (
    has_sums,
    representational_similarity,
    representational_similarity_from_sums,
)
from saesim_pl.functional.geometry.row_sample import MAX_PAIRS
from saesim_pl.metrics.paired_rows import PairedRowsStore, rows_of
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class RepresentationalSimilarity(SimilarityMetric):
    """See :func:`~saesim_pl.functional.representational_similarity`.

    Keeps sums for ``pearson`` and ``cosine`` over all but ``euclidean`` dissimilarities, else every row.

    Args:
        dissimilarity: Dissimilarity between rows of one side.
        comparison: Comparison of the dissimilarities of the two sides.
        max_pairs: Largest number of pairs to rank; above it, rows are sampled.
        seed: Seed of the sample.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import RepresentationalSimilarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = RepresentationalSimilarity()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.5
    """

    function = staticmethod(representational_similarity)

    def __init__(
        self,
        dissimilarity: Literal["correlation", "cosine", "euclidean", "squared_euclidean"] = "correlation",
        comparison: Literal["spearman", "pearson", "cosine", "l2", "rho_a"] = "spearman",
        max_pairs: int = MAX_PAIRS,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        self.store = PairedSumsStore() if has_sums(dissimilarity, comparison) else PairedRowsStore()
        super().__init__(**kwargs)
        self.dissimilarity = dissimilarity
        self.comparison = comparison
        self.max_pairs = max_pairs
        self.seed = seed
        if self._maps_rows:
            # Rows of norm 1 give the same sums mapped and unmapped, and a MetricCollection takes metrics
            # whose states agree after one update for the same; a state of its own name keeps this apart.
            self.add_state(f"{dissimilarity}_rows", torch.zeros(()), dist_reduce_fx="sum")

    @property
    def _maps_rows(self) -> bool:
        keeps_sums = has_sums(self.dissimilarity, self.comparison)
        return keeps_sums and self.dissimilarity in ("cosine", "correlation")

    def features(self, rows: Tensor) -> Tensor:
        """Rows of norm 1 whose inner products are the similarities, if the metric keeps sums over them."""
        return comparable_rows(rows, self.dissimilarity) if self._maps_rows else rows

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: Fewer than 3 rows were seen.
        """
        if has_sums(self.dissimilarity, self.comparison):
            sums = sums_of(self.metric_state)
            return representational_similarity_from_sums(sums, self.dissimilarity, self.comparison)
        return representational_similarity(*rows_of(self), **self.options)
