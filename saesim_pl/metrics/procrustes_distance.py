"""Twin of :mod:`saesim_pl.functional.geometry.procrustes_distance`."""

import math
from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.geometry.procrustes_distance import (
    FORMS,
    check_alpha,
    procrustes_distance_from_sums,
)
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class ProcrustesDistance(SimilarityMetric):
    """See :func:`~saesim_pl.functional.procrustes_distance`; keeps sums.

    Args:
        form: Which distance.
        center: Subtract the mean row first.
        alpha: 1 for rotations only, 0 for any linear map.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = True
    higher_is_better = False
    plot_lower_bound = 0.0

    def __init__(
        self,
        form: Literal["distance", "normalized", "angular", "disparity"] = "normalized",
        center: bool = True,
        alpha: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_option("form", form, FORMS)
        check_alpha(alpha)
        self.form = form
        self.center = center
        self.alpha = alpha

    @property
    def plot_upper_bound(self) -> float | None:  # type: ignore[override]
        """The largest distance of this form; none for the plain one."""
        return {"normalized": math.sqrt(2), "angular": math.pi / 2, "disparity": 1.0}.get(self.form)

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return procrustes_distance_from_sums(
            sums_of(self.metric_state), form=self.form, center=self.center, alpha=self.alpha
        )
