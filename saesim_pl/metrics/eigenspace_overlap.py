"""Twin of :mod:`saesim_pl.functional.subspaces.eigenspace_overlap`."""

from saesim_pl.functional.subspaces.eigenspace_overlap import eigenspace_overlap, eigenspace_overlap_from_sums
from saesim_pl.metrics.sums_metric import SumsMetric


class EigenspaceOverlap(SumsMetric):
    """See :func:`~saesim_pl.functional.eigenspace_overlap`; keeps sums.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    function = staticmethod(eigenspace_overlap)
    from_sums = staticmethod(eigenspace_overlap_from_sums)
    is_differentiable = False
