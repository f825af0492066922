"""Base of the metrics that keep sums over paired rows."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class SumsMetric(SimilarityMetric):
    """Keeps sums over the rows of all updates, and no row.

    Attributes:
        from_sums: The formula of :attr:`function`, from
            :class:`~saesim_pl.functional.subspaces.paired_sums.PairedSums` and the same options.
    """

    store = PairedSumsStore()
    from_sums: ClassVar[Callable[..., Tensor]]

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return type(self).from_sums(sums_of(self.metric_state), **self.options)
