"""Twin of :mod:`saesim_pl.functional.subspaces.eigenspace_overlap`."""

from saesim_pl.functional.subspaces.eigenspace_overlap import eigenspace_overlap, eigenspace_overlap_from_sums
from saesim_pl.metrics.sums_metric import SumsMetric


class EigenspaceOverlap(SumsMetric):
    """See :func:`~saesim_pl.functional.eigenspace_overlap`; keeps sums.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from saesim_pl.metrics import EigenspaceOverlap
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> metric = EigenspaceOverlap()
        >>> metric.update(a, b)
        >>> round(metric.compute().item(), 3)
        0.537
    """

    function = staticmethod(eigenspace_overlap)
    from_sums = staticmethod(eigenspace_overlap_from_sums)
    is_differentiable = False
