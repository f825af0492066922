"""Base of the metrics that compare nearest neighbours."""

from collections.abc import Callable
from typing import Any, ClassVar, get_args

from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.neighbors.nearest_neighbours import NeighbourMetric
from saesim_pl.functional.neighbors.paired_neighbours import MAX_CHANCE
from saesim_pl.metrics.paired_rows import PairedRowsStore, rows_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class NeighbourSimilarity(SimilarityMetric):
    """Seeks nearest neighbours among the rows of all updates.

    Args:
        k: Neighbours of each row.
        metric: What near means: ``cosine`` or ``euclidean``.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.
        kwargs: Passed on to :class:`torchmetrics.Metric`.
    """

    store = PairedRowsStore()
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        k: int = 10,
        metric: NeighbourMetric = "cosine",
        max_chance: float = MAX_CHANCE,
        memory_budget: int = MEMORY_BUDGET,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_option("metric", metric, get_args(NeighbourMetric))
        self.k = k
        self.metric: NeighbourMetric = metric
        self.max_chance = max_chance
        self.memory_budget = memory_budget

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return type(self).function(*rows_of(self), self.k, self.metric, self.max_chance, self.memory_budget)
