"""Mean of the scores by which rows were paired, as a metric."""

from typing import Any

import torch
from torch import Tensor

from saesim_pl.functional.pairing.matched_score import matched_score
from saesim_pl.functional.pairing.matching import Matching
from saesim_pl.metrics.keeps_precision import KeepsPrecision


class MatchedScore(KeepsPrecision):
    """See :func:`~saesim_pl.functional.matched_score`; mean over updates.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import match_by_correlation
        >>> from saesim_pl.metrics import MatchedScore
        >>> correlation = torch.tensor([[0.9, 0.1], [0.2, 0.5]])
        >>> metric = MatchedScore()
        >>> metric.update(torch.eye(2), torch.eye(2), match_by_correlation(correlation))
        >>> round(metric.compute().item(), 2)
        0.7
    """

    higher_is_better = True
    plot_lower_bound = -1.0
    plot_upper_bound = 1.0
    total: Tensor
    count: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, a: Tensor, b: Tensor, matching: Matching) -> None:
        """Add the value of one matching.

        Args:
            a: Rows of one side; ignored.
            b: Rows of the other side; ignored.
            matching: The pairs.
        """
        self.total += matched_score(matching).to(self.total.device)
        self.count += 1

    def compute(self) -> Tensor:
        """Mean over updates; NaN before the first."""
        return self.total / self.count
