"""Twin of :mod:`saesim_pl.functional.subspaces.linear_cka`."""

import math
from typing import Any, Literal

from torch import Tensor

from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.subspaces.linear_cka import ESTIMATORS, FORMS, linear_cka_from_sums
from saesim_pl.metrics.paired_sums import PairedSumsStore, sums_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class LinearCKA(SimilarityMetric):
    """See :func:`~saesim_pl.functional.linear_cka`; keeps sums.

    Args:
        estimator: Estimator of HSIC.
        form: Similarity, or its arccos, a distance.
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedSumsStore()
    is_differentiable = True

    def __init__(
        self,
        estimator: Literal["biased", "debiased"] = "biased",
        form: Literal["similarity", "angle"] = "similarity",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_option("estimator", estimator, ESTIMATORS)
        check_option("form", form, FORMS)
        self.estimator = estimator
        self.form = form

    @property
    def plot_lower_bound(self) -> float:  # type: ignore[override]
        """The debiased estimate may fall below 0."""
        return -1.0 if self.estimator == "debiased" and self.form == "similarity" else 0.0

    @property
    def plot_upper_bound(self) -> float:  # type: ignore[override]
        """1, or the widest angle."""
        if self.form == "similarity":
            return 1.0
        return math.pi if self.estimator == "debiased" else math.pi / 2

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """False for the angle, a distance."""
        return self.form == "similarity"

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return linear_cka_from_sums(sums_of(self.metric_state), estimator=self.estimator, form=self.form)
