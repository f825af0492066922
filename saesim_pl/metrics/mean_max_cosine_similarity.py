"""Mean max cosine similarity as a metric."""

from saesim_pl.functional.dictionaries.mean_max_cosine_similarity import mean_max_cosine_similarity
from saesim_pl.metrics.mean_over_updates import MatchedMetric


class MeanMaxCosineSimilarity(MatchedMetric):
    """See :func:`~saesim_pl.functional.mean_max_cosine_similarity`; mean over updates.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import MeanMaxCosineSimilarity
        >>> a = torch.eye(3)
        >>> b = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> metric = MeanMaxCosineSimilarity()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.8
    """

    function = staticmethod(mean_max_cosine_similarity)
    is_differentiable = True
