"""Mean correlation coefficient as a metric."""

from saesim_pl.functional.dictionaries.mcc import mcc
from saesim_pl.metrics.mean_over_updates import MeanOverUpdates


class MCC(MeanOverUpdates):
    """See :func:`~saesim_pl.functional.mcc`; mean over updates.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(mcc)
