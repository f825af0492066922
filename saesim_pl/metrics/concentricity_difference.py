"""Twin of :mod:`saesim_pl.functional.dictionaries.concentricity_difference`."""

from torch import Tensor

from saesim_pl.functional.dictionaries.concentricity_difference import concentricity_difference
from saesim_pl.metrics.paired_rows import PairedRowsStore, rows_of
from saesim_pl.metrics.similarity_metric import SimilarityMetric


class ConcentricityDifference(SimilarityMetric):
    """See :func:`~saesim_pl.functional.concentricity_difference`; keeps every row.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store = PairedRowsStore()
    is_differentiable = True
    higher_is_better = False
    plot_lower_bound = 0.0
    plot_upper_bound = 2.0

    def compute(self) -> Tensor:
        """Value over all rows seen.

        Raises:
            ValueError: No row was seen.
        """
        return concentricity_difference(*rows_of(self))
