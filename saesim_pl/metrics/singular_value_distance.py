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
        normalize: Divisor of each list of singular values.
        length: How lists of different length compare.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import SingularValueDistance
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = SingularValueDistance()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.055
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
