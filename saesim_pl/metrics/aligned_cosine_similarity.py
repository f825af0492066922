"""Twin of :mod:`saesim_pl.functional.geometry.aligned_cosine_similarity`."""

from typing import Any, Literal

from saesim_pl.functional.geometry.aligned_cosine_similarity import ALIGNMENTS, aligned_cosine_similarity
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.metrics.rows_metric import RowsMetric


class AlignedCosineSimilarity(RowsMetric):
    """See :func:`~saesim_pl.functional.aligned_cosine_similarity`; keeps every row.

    Args:
        alignment: How one side is moved onto the other.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import AlignedCosineSimilarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = AlignedCosineSimilarity()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.706
    """

    function = staticmethod(aligned_cosine_similarity)
    is_differentiable = False

    def __init__(self, alignment: Literal["orthogonal", "permutation"] = "orthogonal", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_option("alignment", alignment, ALIGNMENTS)
        self.alignment = alignment
