"""Rank similarity of nearest neighbors as a metric."""

from saesim_pl.functional.neighbors.rank_similarity import rank_similarity
from saesim_pl.metrics.neighbor_metric import NeighborMetric


class RankSimilarity(NeighborMetric):
    """See :func:`~saesim_pl.functional.rank_similarity`; over the rows of all updates.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import RankSimilarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = RankSimilarity(k=3)
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.379
    """

    function = staticmethod(rank_similarity)
