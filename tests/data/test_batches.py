import pickle

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from saesim_pl.data import SyntheticActivations
from saesim_pl.saes import StandardSAE
from saesim_pl.training import SAECohort


def pair(**kwargs) -> SyntheticActivations:
    return SyntheticActivations(
        **{"d_in": 8, "n_features": 16, "mean_active": 2.0, "stream_names": ["a", "b"]} | kwargs
    )


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [12, 1200])
def test_ranks_share_out_the_global_batch(world_size: int, batch_size: int) -> None:
    data = pair(batch_size=batch_size, mean_active=6.0)  # few samples without any feature, all alike
    whole = data.batch("train", 1, 2)
    shares = [data.batch("train", 1, 2, rank, world_size) for rank in range(world_size)]
    for name, rows in whole.items():
        assert len(rows) == batch_size
        assert torch.equal(torch.cat([share[name] for share in shares]), rows)
        assert len(rows.unique(dim=0)) > 0.8 * batch_size


def test_batches_are_pure_functions_of_seed_epoch_and_index() -> None:
    batches = [
        pair(seed=seed).batch(stage, epoch, index)["a"]
        for seed in (0, 1)
        for stage in ("train", "validate")
        for epoch in (0, 1)
        for index in (0, 1)
    ]
    again = pair(seed=1)
    again.batch("train", 7, 7)
    assert torch.equal(again.batch("validate", 1, 1)["a"], batches[-1])
    for i, first in enumerate(batches):
        assert not any(torch.equal(first, second) for second in batches[:i])


def test_loader_serves_each_batch_of_the_epoch_once() -> None:
    data = pair(batch_size=100, samples_per_epoch=350, validation_samples=250)
    train, validation = list(data.train_dataloader()), list(data.val_dataloader())
    assert [len(batch["a"]) for batch in train] == [100] * 3
    assert [len(batch["a"]) for batch in validation] == [100, 100, 50]
    assert torch.equal(train[2]["b"], data.batch("train", 0, 2)["b"])


def test_an_epoch_ends() -> None:
    data = pair(batch_size=100, samples_per_epoch=350)
    with pytest.raises(IndexError, match="batch 3 of an epoch of 3"):
        data.batch("train", 0, 3)


def test_workers_serve_the_same_batches() -> None:
    alone, helped = pair(samples_per_epoch=4096), pair(samples_per_epoch=4096, num_workers=1)
    for ours, theirs in zip(alone.train_dataloader(), helped.train_dataloader(), strict=True):
        assert torch.equal(ours["a"], theirs["a"])


def test_what_workers_are_sent_holds_no_trainer() -> None:
    data = pair()
    data.trainer = object()
    data.trainer = type("Trainer", (), {"global_rank": 0, "world_size": 1})()
    copy = pickle.loads(pickle.dumps(data.train_dataloader().dataset))
    assert copy.data.trainer is None
    assert data.trainer is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 101, "samples_per_epoch": 1000}, "batch_size=101 does not divide among 2 processes"),
        ({"validation_samples": 1025}, "the last batch to validate has 1 rows for 2 processes"),
    ],
)
def test_shares_that_cannot_be_fair_are_refused(settings: dict, message: str) -> None:
    data = pair(**settings)
    data.trainer = type("Trainer", (), {"global_rank": 0, "world_size": 2})()
    with pytest.raises(ValueError, match=message):
        data.train_dataloader(), data.val_dataloader()


class Seen(Callback):
    """Keeps the batches that are trained on."""

    def __init__(self) -> None:
        self.batches: list[torch.Tensor] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.batches.append(batch["a"].clone())


@pytest.mark.parametrize(("share", "size"), [(3, 3), (0.5, 4)])
def test_overfitting_repeats_the_same_batches(share: float, size: int) -> None:
    data, seen = pair(batch_size=50, samples_per_epoch=400, validation_samples=200), Seen()
    model = SAECohort({"a": lambda d_in: StandardSAE(d_in, 12)}, data.streams)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        overfit_batches=share,
        callbacks=[seen],
        enable_model_summary=False,
        **quiet,
    )
    trainer.fit(model, datamodule=data)
    assert len(seen.batches) == 3 * size
    for step, batch in enumerate(seen.batches):
        assert torch.equal(batch, data.batch("train", 0, step % size)["a"])
    assert data.train_epoch == 0
