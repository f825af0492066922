"""Twin of :mod:`saesim_pl.functional.geometry.permutation_procrustes_distance`."""

import math
from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.geometry.permutation_procrustes_distance import (
    FORMS,
    permutation_procrustes_distance_from_sums,
)
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class PermutationProcrustesDistance(SimilarityMetric):
    """See :func:`~saesim_pl.functional.permutation_procrustes_distance`; keeps sums.

    Args:
        form: Which distance.
        center: Subtract the mean row first.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_option("form", form, FORMS)
        self.form = form
        self.center = center

    @property
    def plot_upper_bound(self) -> float | None:  # type: ignore[override]
        """The largest distance of this form; none for the plain one."""
        return {"normalized": 2.0, "angular": math.pi, "disparity": 1.0}.get(self.form)

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return permutation_procrustes_distance_from_sums(
            sums_of(self.metric_state), form=self.form, center=self.center
        )
