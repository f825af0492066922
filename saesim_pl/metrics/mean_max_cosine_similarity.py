"""Mean max cosine similarity as a metric."""

from torch import Tensor

from saesim_pl.functional.dictionaries.mean_max_cosine_similarity import mean_max_cosine_similarity
from saesim_pl.metrics.mean_over_updates import MeanOverUpdates


class MeanMaxCosineSimilarity(MeanOverUpdates):
    """See :func:`~saesim_pl.functional.mean_max_cosine_similarity`; mean over updates."""

    is_differentiable = True

    def measure(self, a: Tensor, b: Tensor) -> Tensor:
        """Value of one update."""
        return mean_max_cosine_similarity(a, b)
