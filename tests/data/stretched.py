"""Data whose dimensions differ in size, so that it matters how they are normalised."""

import numpy as np
import torch

from saesim_pl.data import ActivationDataModule, TrueFeatures
from saesim_pl.data.batches import Batch, Stage
from saesim_pl.data.normalization import NormalizationMode

D_IN, N_FEATURES = 6, 8
STRETCH = torch.tensor([0.1, 1.0, 10.0, 1.0, 5.0, 1.0])


class StretchedActivations(ActivationDataModule):
    """Streams a and b: sums of few features, stretched along the axes, around a point other than 0."""

    same_space = True

    def __init__(self, batch_size: int = 64, normalize: NormalizationMode = "none", num_workers: int = 0):
        super().__init__(batch_size, num_workers, normalize)
        drawn = torch.from_numpy(np.random.default_rng(0).standard_normal((N_FEATURES, D_IN), np.float32))
        self.sums = STRETCH * torch.nn.functional.normalize(drawn, dim=1)
        unit = torch.nn.functional.normalize(self.sums, dim=1)
        self.true_features = {name: TrueFeatures(unit, torch.arange(N_FEATURES)) for name in "ab"}
        self.n_asked = 0

    @property
    def streams(self) -> dict[str, int]:
        return {"a": D_IN, "b": D_IN}

    def n_samples(self, stage: Stage) -> int:
        return {"train": 4096, "validate": 500}[stage]

    def rows(self, stage: Stage, epoch: int, index: int, rows: slice) -> Batch:
        self.n_asked += 1
        batch = {}
        for number, stream in enumerate("ab"):
            rng = np.random.default_rng((stage == "train", epoch, index, number))
            fired = rng.random((rows.stop, 2 * N_FEATURES), np.float32)[rows]
            strength = fired[:, :N_FEATURES] * (fired[:, N_FEATURES:] < 0.25)
            batch[stream] = torch.from_numpy(strength) @ self.sums + (1 + number)
        return batch
