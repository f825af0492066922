"""Base of metrics of paired rows: updates by blocks, and states that can always be merged."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from saesim_pl.functional.ground.inputs import check_paired
from saesim_pl.metrics.measure_metric import MeasureMetric
from saesim_pl.metrics.paired_rows import PairedRowsStore
from saesim_pl.metrics.paired_sums import PairedSumsStore


class SimilarityMetric(MeasureMetric):
    """Similarity of two streams of paired rows, given in blocks of any size.

    A subclass sets its :attr:`store` and computes its value from the stored states.

    Args:
        kwargs: See :class:`torchmetrics.Metric`.
    """

    store: PairedSumsStore | PairedRowsStore

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, default in self.store.defaults().items():
            self.add_state(name, default, dist_reduce_fx=self.store.reduction)

    def update(self, a: Tensor, b: Tensor) -> None:
        """Add a block of rows of ``a``, each paired with the same row of ``b``.

        Raises:
            ValueError: The rows cannot be paired, or their widths differ from earlier blocks. On an
                accelerator, ``compute`` refuses NaN and infinities, since a check would make each update
                wait.
        """
        check_paired(a, b, finite=a.device.type == "cpu")
        self.store.add(self, self.features(a), self.features(b))

    def features(self, rows: Tensor) -> Tensor:
        """The features of rows that are kept: the rows themselves, unless a subclass overrides this."""
        return rows

    def _reduce_states(self, incoming_state: dict[str, Any]) -> None:
        super()._reduce_states(self.store.made_addable(self, incoming_state))

    def _sync_dist(
        self, dist_sync_fn: Callable[..., Any] = gather_all_tensors, process_group: Any | None = None
    ) -> None:
        group = process_group or self.process_group
        self.store.make_addable_over_ranks(self, lambda tensor: dist_sync_fn(tensor, group=group))
        super()._sync_dist(dist_sync_fn, process_group)
