"""Mean correlation coefficient as a metric."""

from saesim_pl.functional.dictionaries.mcc import mcc
from saesim_pl.metrics.mean_over_updates import MeanOverUpdates


class MCC(MeanOverUpdates):
    """See :func:`~saesim_pl.functional.mcc`; mean over updates.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import MCC
        >>> a = torch.eye(3)
        >>> b = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> metric = MCC()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.9
    """

    function = staticmethod(mcc)
