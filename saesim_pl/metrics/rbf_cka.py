"""Twin of :mod:`saesim_pl.functional.subspaces.rbf_cka`."""

from typing import Any

from torch import Tensor

from saesim_pl.functional.subspaces.rbf_cka import check_bandwidth, rbf_cka
from saesim_pl.metrics.paired_rows import PairedRowsStore, rows_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class RBFCKA(SimilarityMetric):
    """See :func:`~saesim_pl.functional.rbf_cka`; keeps every row.

    Args:
        bandwidth: Width of the kernel, in root median distances.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedRowsStore()
    is_differentiable = False
    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def __init__(self, bandwidth: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_bandwidth(bandwidth)
        self.bandwidth = bandwidth

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return rbf_cka(*rows_of(self), bandwidth=self.bandwidth)
