"""Mutual nearest neighbors as a metric."""

from saesim_pl.functional.neighbors.mutual_knn import mutual_knn
from saesim_pl.metrics.neighbor_metric import NeighborMetric


class MutualKnn(NeighborMetric):
    """See :func:`~saesim_pl.functional.mutual_knn`; over the rows of all updates.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import MutualKnn
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = MutualKnn(k=3)
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.333
    """

    function = staticmethod(mutual_knn)
