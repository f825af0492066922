"""Twin of :mod:`saesim_pl.functional.geometry.rsm_norm_difference`."""

from torch import Tensor

from saesim_pl.functional.geometry.rsm_norm_difference import rsm_norm_difference
from saesim_pl.metrics.paired_rows import PairedRowsStore, rows_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class RSMNormDifference(SimilarityMetric):
    """See :func:`~saesim_pl.functional.rsm_norm_difference`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedRowsStore()
    is_differentiable = False
    higher_is_better = False
    plot_lower_bound = 0.0

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return rsm_norm_difference(*rows_of(self))
