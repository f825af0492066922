"""Twin of :mod:`saesim_pl.functional.subspaces.svcca`."""

from typing import Any

from saesim_pl.functional.subspaces.svcca import (
    SVCCAScore,
    check_components,
    svcca,
    svcca_components_from_sums,
    svcca_from_sums,
)
from saesim_pl.metrics.paired_sums import sums_of
from saesim_pl.metrics.sums_metric import SumsMetric


class SVCCA(SumsMetric):
    """See :func:`~saesim_pl.functional.svcca`; keeps sums.

    Args:
        variance_share: Share of the variance whose components are kept.
        n_components: Number of components to keep instead.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import SVCCA
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = SVCCA()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.735
    """

    function = staticmethod(svcca)
    from_sums = staticmethod(svcca_from_sums)
    is_differentiable = False

    def __init__(self, variance_share: float = 0.99, n_components: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_components(variance_share, n_components)
        self.variance_share = variance_share
        self.n_components = n_components

    def with_components(self) -> SVCCAScore:
        """The value and the numbers of components kept; over this rank's rows unless states are synced."""
        return svcca_components_from_sums(sums_of(self.metric_state), self.variance_share, self.n_components)
