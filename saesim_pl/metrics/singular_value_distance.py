"""Twin of :mod:`saesim_pl.functional.dictionaries.singular_value_distance`."""

import math
from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.dictionaries.singular_value_distance import (
    LENGTHS,
    NORMALIZATIONS,
    singular_value_distance_from_sums,
)
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class SingularValueDistance(SimilarityMetric):
    """See :func:`~saesim_pl.functional.singular_value_distance`; keeps sums.

    Args:
        normalize: What each list of singular values is divided by.
        length: How lists of different length compare.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = False
    higher_is_better = False
    plot_lower_bound = 0.0

    def __init__(
        self,
        normalize: Literal["none", "sum", "l2"] = "sum",
        length: Literal["pad", "truncate"] = "pad",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_option("normalize", normalize, NORMALIZATIONS)
        check_option("length", length, LENGTHS)
        self.normalize = normalize
        self.length = length

    @property
    def plot_upper_bound(self) -> float | None:  # type: ignore[override]
        """The largest distance of normalised lists; none for plain ones."""
        return {"sum": math.sqrt(2), "l2": math.sqrt(2)}.get(self.normalize)

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return singular_value_distance_from_sums(
            sums_of(self.metric_state), normalize=self.normalize, length=self.length
        )
