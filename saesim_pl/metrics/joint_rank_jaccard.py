"""Jaccard and rank similarity in one as a metric."""

from saesim_pl.functional.neighbors.joint_rank_jaccard import joint_rank_jaccard
from saesim_pl.metrics.neighbor_metric import NeighborMetric


class JointRankJaccard(NeighborMetric):
    """See :func:`~saesim_pl.functional.joint_rank_jaccard`; over the rows of all updates.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import JointRankJaccard
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = JointRankJaccard(k=3)
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.136
    """

    function = staticmethod(joint_rank_jaccard)
