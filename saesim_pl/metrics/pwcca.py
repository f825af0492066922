"""Twin of :mod:`saesim_pl.functional.subspaces.pwcca`."""

from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.pwcca import SIDES, pwcca_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class PWCCA(SimilarityMetric):
    """See :func:`~saesim_pl.functional.pwcca`; keeps sums.

    Args:
        weights_from: The side whose columns weigh.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = False
    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def __init__(self, weights_from: Literal["a", "b"] = "a", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("weights_from", weights_from, SIDES)
        self.weights_from = weights_from

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return pwcca_from_sums(sums_of(self.metric_state), weights_from=self.weights_from)
