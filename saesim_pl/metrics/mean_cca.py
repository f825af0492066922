"""Twin of :mod:`saesim_pl.functional.subspaces.mean_cca`."""

from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.mean_cca import STATISTICS, mean_cca_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class MeanCCA(SimilarityMetric):
    """See :func:`~saesim_pl.functional.mean_cca`; keeps sums.

    Args:
        statistic: Which summary of the correlations.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = False
    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def __init__(self, statistic: Literal["mean", "trimmed", "squared"] = "mean", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("statistic", statistic, STATISTICS)
        self.statistic = statistic

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return mean_cca_from_sums(sums_of(self.metric_state), statistic=self.statistic)
