"""Twin of :mod:`saesim_pl.functional.dictionaries.magnitude_difference`."""

from torch import Tensor

from saesim_pl.functional.dictionaries.magnitude_difference import magnitude_difference_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class MagnitudeDifference(SimilarityMetric):
    """See :func:`~saesim_pl.functional.magnitude_difference`; keeps sums.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = True
    higher_is_better = False
    plot_lower_bound = 0.0

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return magnitude_difference_from_sums(sums_of(self.metric_state))
