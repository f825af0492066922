"""Batches that are pure functions of (epoch, index), and the data module built on them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Literal

from torch import Tensor

from saesim_pl.checks import check_counts
from saesim_pl.data.loader import BatchesOfRank, BatchLoader
from saesim_pl.data.normalization import Normalization, NormalizationMode, check_mode, measure_streams
from saesim_pl.data.not_in_checkpoints import NotInCheckpoints
from saesim_pl.truth.true_features import TrueFeatures

Stage = Literal["train", "validate", "predict"]
Batch = dict[str, Tensor]

SAMPLE_ROWS = 2**14
"""Number of training rows from which a stream's normalization is measured."""


class ActivationDataModule(NotInCheckpoints, ABC):
    """Serves batches ``{stream: (batch, d_in)}`` that are pure functions of (seed, epoch, index).

    Global batches do not depend on the number of processes: each rank takes its share of their rows. So
    the same configuration gives the same run on one device and on many, ranks never see the same row, and
    a run resumes at any step without saved state.

    A subclass makes raw rows; batches hold normalized rows. SAEs, their errors and callbacks see normalized
    rows only. The normalization is measured once, on the first training rows, and belongs to the run: a
    checkpoint restores it in place of a new measurement. ``SAECohort.folded`` gives SAEs that read raw rows.

    Args:
        batch_size: Samples per optimizer step, over all processes.
        num_workers: Processes that prepare batches ahead; 0 prepares them in the training process.
        normalize: ``none``, ``mean_norm``, ``row_norm`` or ``standardise``; see
            :func:`~saesim_pl.data.normalization.measure_normalization`.

    Raises:
        ValueError: ``batch_size`` is below 1, or ``normalize`` unknown.
    """

    true_features: dict[str, TrueFeatures] | None = None
    """By stream, the directions that generated its raw rows; None if unknown."""

    aligned: bool = False
    """Whether row i of two streams describes the same sample or token."""

    same_space: bool = False
    """Whether directions in the raw rows of two streams may be compared by cosine."""

    document_rows: int | None = None
    """Number of consecutive validation rows from one document; 1 for independent rows, None if unknown."""

    knows_firings: bool = False
    """Whether there is a method ``firings``; see :class:`~saesim_pl.data.source.Truth`."""

    predict_stage: Stage = "validate"
    """Stage whose rows ``saesim predict`` encodes; "predict" in a subclass that can serve all in order."""

    def __init__(self, batch_size: int, num_workers: int = 0, normalize: NormalizationMode = "none") -> None:
        super().__init__()
        check_counts(batch_size=batch_size)
        check_mode(normalize)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.normalize: NormalizationMode = normalize

    @property
    @abstractmethod
    def streams(self) -> dict[str, int]:
        """Width ``d_in`` of each stream, known before ``fit``."""

    @abstractmethod
    def n_samples(self, stage: Stage) -> int:
        """Rows of one epoch over all processes."""

    @abstractmethod
    def rows(self, stage: Stage, epoch: int, index: int, rows: slice) -> Batch:
        """Raw rows ``rows`` of global batch ``index``; the values do not depend on other calls.

        For training batch 0, rows past ``batch_size`` are also valid, up to the length of an epoch, so that
        measurements do not depend on ``batch_size``.
        """

    @cached_property
    def normalizations(self) -> dict[str, Normalization]:
        """Normalization of batches by stream, measured at the first access, the same in all processes."""
        if self.normalize == "none":
            return dict.fromkeys(self.streams, Normalization())
        sample = self.rows("train", 0, 0, slice(0, min(SAMPLE_ROWS, self.n_samples("train"))))
        return measure_streams(sample, self.normalize)

    @property
    def served_features(self) -> dict[str, TrueFeatures] | None:
        """``true_features`` in normalized space, where dimensions may have different scales."""
        if self.true_features is None or self.normalize != "standardise":
            return self.true_features
        return {
            stream: replace(truth, directions=self.normalizations[stream].of_directions(truth.directions))
            for stream, truth in self.true_features.items()
        }

    def comparable(self, a: str, b: str) -> bool:
        """Whether directions in normalized rows of the streams ``a`` and ``b`` may be compared by cosine.

        They may not if the dimensions of the two streams are divided by different numbers.
        """
        if a == b or self.normalize != "standardise":
            return a == b or self.same_space
        return self.same_space and self.normalizations[a].has_scale_of(self.normalizations[b])

    def n_batches(self, stage: Stage) -> int:
        """Number of global batches of one epoch; only training drops an incomplete last batch."""
        n_samples = self.n_samples(stage)
        return n_samples // self.batch_size if stage == "train" else -(-n_samples // self.batch_size)

    def batch(self, stage: Stage, epoch: int, index: int, rank: int = 0, world_size: int = 1) -> Batch:
        """Normalized rows of global batch ``index`` for process ``rank`` of ``world_size``.

        Raises:
            IndexError: The epoch has no such batch.
        """
        rows = self.rows(stage, epoch, index, self.share(stage, index, rank, world_size))
        if self.normalize == "none":
            return rows
        return {stream: self.normalizations[stream].apply(x) for stream, x in rows.items()}

    def share(self, stage: Stage, index: int, rank: int, world_size: int) -> slice:
        """Slice of the rows of global batch ``index`` for process ``rank`` of ``world_size``.

        Raises:
            IndexError: The epoch has no such batch.
        """
        if not 0 <= index < self.n_batches(stage):
            raise IndexError(f"batch {index} of an epoch of {self.n_batches(stage)}")
        size = min(self.batch_size, self.n_samples(stage) - index * self.batch_size)
        return slice(rank * size // world_size, (rank + 1) * size // world_size)

    def train_dataloader(self) -> BatchLoader:
        """Batches of the trainer's current epoch, from its current step on."""
        return self._loader("train", self._train_position)

    def val_dataloader(self) -> BatchLoader:
        """The same batches at every validation."""
        return self._loader("validate", lambda: (0, 0))

    def test_dataloader(self) -> BatchLoader:
        """The validation batches."""
        return self.val_dataloader()

    def predict_dataloader(self) -> BatchLoader:
        """Batches of ``predict_stage``."""
        return self._loader(self.predict_stage, lambda: (0, 0))

    def restore(self, normalizations: dict[str, Normalization]) -> None:
        """Use the normalizations by stream with which the SAEs of a checkpoint were trained.

        Raises:
            ValueError: That training used another mode.
        """
        for stream, saved in normalizations.items():
            if (mode := saved.mode) != (here := self.normalize):
                raise ValueError(
                    f"normalize is {here} in the data; the SAEs of {stream!r} learnt from {mode}"
                )
            width = None if saved.scale is None else len(saved.scale)
            if width in (None, self.streams.get(stream)):  # other widths are for the model to refuse
                self.normalizations[stream] = saved

    def _loader(self, stage: Stage, position: Callable[[], tuple[int, int]]) -> BatchLoader:
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        self._check_shares(stage, world_size)
        self.normalizations  # noqa: B018 - measured here, or every worker process would do it again
        dataset = BatchesOfRank(self, stage, rank, world_size)
        return BatchLoader(dataset, self.n_batches(stage), position, self.num_workers)

    def _check_shares(self, stage: Stage, world_size: int) -> None:
        last = self.n_samples(stage) - (self.n_batches(stage) - 1) * self.batch_size
        if stage == "train" and self.batch_size % world_size:
            # Averaging gradients over ranks would weigh the rows of the smaller shares more.
            raise ValueError(f"batch_size={self.batch_size} does not divide among {world_size} processes")
        if stage != "train" and last < world_size:
            raise ValueError(f"the last batch to {stage} has {last} rows for {world_size} processes")

    @property
    def train_epoch(self) -> int:
        """Epoch of the training batches: the trainer's epoch, or always 0 with ``overfit_batches``."""
        if self.trainer is None or self.trainer.overfit_batches:  # type: ignore[attr-defined] # in no stub
            return 0
        return self.trainer.current_epoch

    def _train_position(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 0
        return self.train_epoch, self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
