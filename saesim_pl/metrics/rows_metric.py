"""Base of the metrics that keep every row."""

from torch import Tensor

from saesim_pl.metrics.paired_rows import PairedRowsStore, rows_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class RowsMetric(SimilarityMetric):
    """Keeps the rows of all updates, and calls :attr:`function` on them."""

    store = PairedRowsStore()

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return type(self).function(*rows_of(self), **self.options)
