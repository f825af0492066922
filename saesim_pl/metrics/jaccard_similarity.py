"""Jaccard similarity of nearest neighbors as a metric."""

from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_similarity
from saesim_pl.metrics.neighbor_metric import NeighborMetric


class JaccardSimilarity(NeighborMetric):
    """See :func:`~saesim_pl.functional.jaccard_similarity`; over the rows of all updates.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import JaccardSimilarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = JaccardSimilarity(k=3)
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.23
    """

    function = staticmethod(jaccard_similarity)
