"""Training on a device other than the CPU, seen on a stand-in that counts the waits."""

from functools import partial

import pytest
import torch
from torch import Tensor

from saesim_pl import saes
from saesim_pl.callbacks import AuxK, DeadLatents
from saesim_pl.saes import SparseAutoencoder
from saesim_pl.training import SAECohort
from saesim_pl.training.optimization import clip_each
from tests.stand_in import Elsewhere, move, stand_in, there

D_IN, D_SAE, BATCH, STEPS = 12, 32, 16, 20

MAKERS = {
    name: partial(getattr(saes, name), d_sae=D_SAE) for name in saes.__all__ if name.endswith("SAE")
} | {
    "JumpReLU tanh": partial(saes.JumpReLUSAE, d_sae=D_SAE, penalty="tanh"),
    "Gated, decoder trained": partial(saes.GatedSAE, d_sae=D_SAE, freeze_decoder=False),
    "PAnneal, size kept": partial(saes.PAnnealSAE, d_sae=D_SAE, keep_size=True),
    "TopK by sums": partial(saes.TopKSAE, d_sae=D_SAE, k=2),
    "Matryoshka by sums": partial(saes.MatryoshkaSAE, d_sae=D_SAE, k=2),
}


class _Shown:
    """What callbacks ask of a trainer in a step that is not logged."""

    global_step, world_size, callbacks = 1, 1, ()


def train(cohort: SAECohort, batches: list[dict[str, Tensor]]) -> None:
    """Steps as Lightning takes them: losses, gradients, clipping, Adam, counts of dead latents."""
    adam = torch.optim.Adam(cohort.saes.parameters(), foreach=False)
    dead, aux = DeadLatents(), AuxK(dead_after_samples=BATCH)
    for callback in (dead, aux):
        callback.setup(_Shown(), cohort, "fit")
        callback.idle = {name: there(idle) for name, idle in callback.idle.items()}
    for batch in batches:
        outputs = cohort._losses(batch)
        loss = torch.stack([output.loss for output in outputs.values()]).sum()
        adam.zero_grad()
        loss.backward()
        clip_each(cohort.saes.values(), 1.0)
        adam.step()
        fired = {"fired": {name: output.fired for name, output in outputs.items()}}
        for callback in (dead, aux):
            callback.on_train_batch_end(_Shown(), cohort, fired, batch)


@pytest.mark.parametrize("name", MAKERS)
def test_training_never_waits_for_the_device(name: str) -> None:
    cohort = SAECohort({"a": MAKERS[name]}, {"a": D_IN})
    before = cohort.saes["a"].W_dec.detach().clone()
    torch.manual_seed(0)
    batches = [torch.randn(BATCH, D_IN) for _ in range(STEPS)]
    with stand_in() as waits:
        move(cohort)
        on_device = [{"a": there(x)} for x in batches]
        waits.clear()
        train(cohort, on_device)
        assert not waits
        after = cohort.saes["a"].W_dec
    assert isinstance(after, Elsewhere)
    assert not torch.equal(after._here, before)


def test_saes_computed_together_do_not_wait_either() -> None:
    makers = {name: partial(saes.StandardSAE, d_sae=D_SAE, l1_coefficient=0.1) for name in "ab"}
    cohort = SAECohort(makers, {"x": D_IN})
    cohort.saes["b"].l1_coefficient = 0.2
    with stand_in() as waits:
        move(cohort)
        batch = {"x": there(torch.randn(BATCH, D_IN))}
        waits.clear()
        train(cohort, [batch] * STEPS)
        assert not waits


class Waiting(saes.StandardSAE):
    """Looks at its loss, at its latents and copies a constant over, in each step."""

    def loss(self, x: Tensor):
        output = super().loss(x)
        if output.loss.item() < 0 or output.latents[output.latents > 0].sum() is None:
            raise AssertionError
        output.loss = output.loss + torch.tensor([1.0], device=x.device).sum()
        return output


def test_what_waits_is_found_with_its_place() -> None:
    cohort = SAECohort({"a": partial(Waiting, d_sae=D_SAE)}, {"a": D_IN})
    with stand_in() as waits:
        move(cohort)
        batch = {"a": there(torch.randn(BATCH, D_IN))}
        waits.clear()
        train(cohort, [batch] * 3)
    assert {key.split(" at ")[0] for key in waits} == {
        "waits for aten._local_scalar_dense.default",
        "waits to index by a mask",
        "copies from pageable memory",
    }
    assert set(waits.values()) == {3}
    assert all("tests/test_accelerator.py:" in key for key in waits)


def test_devices_are_not_mixed() -> None:
    with stand_in(), pytest.raises(RuntimeError, match=r"mixes devices at tests/test_accelerator\.py"):
        there(torch.ones(3)) + torch.ones(3)


def test_results_are_those_of_the_cpu() -> None:
    torch.manual_seed(0)
    x = torch.randn(BATCH, D_IN)
    for make in MAKERS.values():
        here: SparseAutoencoder = make(D_IN)
        elsewhere: SparseAutoencoder = make(D_IN)
        elsewhere.load_state_dict(here.state_dict())
        expected = here.loss(x).loss
        with stand_in():
            move(elsewhere)
            torch.testing.assert_close(elsewhere.loss(there(x)).loss._here, expected.detach())
