"""Jaccard and rank similarity in one as a metric."""

from saesim_pl.functional.neighbors.joint_rank_jaccard import joint_rank_jaccard
from saesim_pl.metrics.neighbor_metric import NeighborMetric


class JointRankJaccard(NeighborMetric):
    """See :func:`~saesim_pl.functional.joint_rank_jaccard`; over the rows of all updates."""

    function = staticmethod(joint_rank_jaccard)
