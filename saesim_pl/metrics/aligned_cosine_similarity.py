"""Twin of :mod:`saesim_pl.functional.geometry.aligned_cosine_similarity`."""

from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.geometry.aligned_cosine_similarity import ALIGNMENTS, aligned_cosine_similarity
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.metrics.paired_rows import PairedRowsStore, rows_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class AlignedCosineSimilarity(SimilarityMetric):
    """See :func:`~saesim_pl.functional.aligned_cosine_similarity`; keeps every row.

    Args:
        alignment: How one side is moved onto the other.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedRowsStore()
    is_differentiable = False
    higher_is_better = True
    plot_lower_bound = -1.0
    plot_upper_bound = 1.0

    def __init__(self, alignment: Literal["orthogonal", "permutation"] = "orthogonal", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("alignment", alignment, ALIGNMENTS)
        self.alignment = alignment

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return aligned_cosine_similarity(*rows_of(self), alignment=self.alignment)
