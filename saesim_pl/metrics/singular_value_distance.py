"""Twin of :mod:`saesim_pl.functional.dictionaries.singular_value_distance`."""

from typing import Any, Literal

from saesim_pl.functional.dictionaries.singular_value_distance import (
    LENGTHS,
    NORMALIZATIONS,
    singular_value_distance,
    singular_value_distance_from_sums,
)
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.metrics.sums_metric import SumsMetric


class SingularValueDistance(SumsMetric):
    """See :func:`~saesim_pl.functional.singular_value_distance`; keeps sums.

    Args:
        normalize: What each list of singular values is divided by.
        length: How lists of different length compare.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(singular_value_distance)
    from_sums = staticmethod(singular_value_distance_from_sums)
    is_differentiable = False

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
