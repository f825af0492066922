"""Twin of :mod:`saesim_pl.functional.subspaces.bures_similarity`."""

from torch import Tensor

from saesim_pl.functional.subspaces.bures_similarity import bures_similarity_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class BuresSimilarity(SimilarityMetric):
    """See :func:`~saesim_pl.functional.bures_similarity`; keeps sums.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = True
    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return bures_similarity_from_sums(sums_of(self.metric_state))
