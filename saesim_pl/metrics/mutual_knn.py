"""Mutual nearest neighbours as a metric."""

from saesim_pl.functional.neighbors.mutual_knn import mutual_knn
from saesim_pl.metrics.neighbor_metric import NeighborMetric


class MutualKnn(NeighborMetric):
    """See :func:`~saesim_pl.functional.mutual_knn`; over the rows of all updates."""

    function = staticmethod(mutual_knn)
