"""Twin of :mod:`saesim_pl.functional.subspaces.bures_similarity`."""

from saesim_pl.functional.subspaces.bures_similarity import bures_similarity, bures_similarity_from_sums
from saesim_pl.metrics.sums_metric import SumsMetric


class BuresSimilarity(SumsMetric):
    """See :func:`~saesim_pl.functional.bures_similarity`; keeps sums.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import BuresSimilarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = BuresSimilarity()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.731
    """

    function = staticmethod(bures_similarity)
    from_sums = staticmethod(bures_similarity_from_sums)
    is_differentiable = True
