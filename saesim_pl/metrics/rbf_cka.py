"""Twin of :mod:`saesim_pl.functional.subspaces.rbf_cka`."""

from typing import Any

from saesim_pl.functional.subspaces.rbf_cka import check_bandwidth, rbf_cka
from saesim_pl.metrics.rows_metric import RowsMetric


class RBFCKA(RowsMetric):
    """See :func:`~saesim_pl.functional.rbf_cka`; keeps every row.

    Args:
        bandwidth: Width of the kernel, in root median distances.
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import RBFCKA
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = RBFCKA()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.55
    """

    function = staticmethod(rbf_cka)
    is_differentiable = False

    def __init__(self, bandwidth: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_bandwidth(bandwidth)
        self.bandwidth = bandwidth
