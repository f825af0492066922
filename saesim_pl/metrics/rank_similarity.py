"""Rank similarity of nearest neighbours as a metric."""

from saesim_pl.functional.neighbors.rank_similarity import rank_similarity
from saesim_pl.metrics.neighbor_metric import NeighborMetric


class RankSimilarity(NeighborMetric):
    """See :func:`~saesim_pl.functional.rank_similarity`; over the rows of all updates."""

    function = staticmethod(rank_similarity)
