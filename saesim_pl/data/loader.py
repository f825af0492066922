"""Iterates over batches from the trainer's current position."""

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from saesim_pl.data.batches import ActivationDataModule, Stage


class BatchLoader:
    """Iterates over the batches of one epoch, from the trainer's current position.

    It is no ``DataLoader``, so that Lightning does not replace its sampler: the data module gives each rank
    its rows. The position is read at the first ``next``, after Lightning has restored its counters. So there
    is no state to save.

    Args:
        dataset: Maps (epoch, index) to a batch.
        n_batches: Number of batches of one epoch.
        position: Returns the (epoch, index) at which an iteration begins.
        num_workers: Processes that prepare batches ahead.
    """

    def __init__(
        self,
        dataset: Dataset,
        n_batches: int,
        position: Callable[[], tuple[int, int]],
        num_workers: int = 0,
    ) -> None:
        self.dataset, self.n_batches, self.position = dataset, n_batches, position
        self.num_workers = num_workers

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        epoch, start = self.position()
        keys = [(epoch, index) for index in range(start, self.n_batches)]
        yield from DataLoader(
            self.dataset,
            sampler=keys,
            batch_size=None,
            num_workers=self.num_workers,
            pin_memory=torch.cuda.is_available(),
        )

    def state_dict(self) -> dict[str, Any]:
        """Empty: the trainer's counters hold the position."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See :meth:`state_dict`."""


class BatchesOfRank(Dataset):
    """The batches of one process by (epoch, index); worker processes get a copy.

    Args:
        data: Data module that makes the batches.
        stage: Stage of the batches.
        rank: Rank of the process.
        world_size: Number of processes.
    """

    def __init__(self, data: "ActivationDataModule", stage: "Stage", rank: int, world_size: int) -> None:
        self.data, self.stage, self.rank, self.world_size = data, stage, rank, world_size

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        return self.data.batch(self.stage, *key, self.rank, self.world_size)

    def __getstate__(self) -> dict[str, Any]:
        # Workers need the data, never the trainer behind it.
        data = copy.copy(self.data)
        data.trainer = None
        return {**self.__dict__, "data": data}
