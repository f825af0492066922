"""Twin of :mod:`saesim_pl.functional.subspaces.svcca`."""

from typing import Any

from torch import Tensor

from saesim_pl.functional.subspaces.svcca import SVCCAScore, check_components, svcca_components_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class SVCCA(SimilarityMetric):
    """See :func:`~saesim_pl.functional.svcca`; keeps sums.

    Args:
        variance_share: Share of the variance whose components are kept.
        n_components: Number of components to keep instead.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = False
    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def __init__(self, variance_share: float = 0.99, n_components: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_components(variance_share, n_components)
        self.variance_share = variance_share
        self.n_components = n_components

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return self.with_components().similarity

    def with_components(self) -> SVCCAScore:
        """The value and the numbers of components kept; over this rank's rows unless states are synced."""
        return svcca_components_from_sums(sums_of(self.metric_state), self.variance_share, self.n_components)
