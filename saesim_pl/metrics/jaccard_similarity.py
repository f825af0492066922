"""Jaccard similarity of nearest neighbours as a metric."""

from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_similarity
from saesim_pl.metrics.neighbor_metric import NeighborMetric


class JaccardSimilarity(NeighborMetric):
    """See :func:`~saesim_pl.functional.jaccard_similarity`; over the rows of all updates."""

    function = staticmethod(jaccard_similarity)
