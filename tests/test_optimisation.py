from types import SimpleNamespace

import pytest
import torch

from saesim_pl.training.optimization import FiniteLosses, clip_each


def accelerated(value: float) -> SimpleNamespace:
    """What is asked of a loss, as if it lay on an accelerator."""
    return SimpleNamespace(device=SimpleNamespace(type="cuda"), detach=lambda: torch.tensor(value))


@pytest.mark.parametrize("fused", [True, False])
def test_an_accelerator_skips_every_step_from_a_bad_loss_on(fused: bool) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([weight], fused=fused)
    losses, batch = FiniteLosses(), {"a": torch.ones(2, 3)}
    for value in (1.0, float("nan"), 1.0):
        losses.check(accelerated(value), batch, "here", optimizer, logs=False)
    weight.grad = torch.full((3,), float("nan"))
    if fused:  # else a gradient scaler does the skipping, and Adam knows no found_inf
        optimizer.step()
        assert torch.equal(weight.detach(), torch.ones(3))
    else:
        assert not hasattr(optimizer, "found_inf")
    with pytest.raises(ValueError, match="a loss is not finite in the steps logged at there"):
        losses.check(accelerated(1.0), batch, "there", optimizer, logs=True)


def test_a_good_step_is_taken() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([weight], fused=True)
    FiniteLosses().check(accelerated(1.0), {}, "here", optimizer, logs=True)
    weight.grad = torch.ones(3)
    optimizer.step()
    assert (weight < 1).all()


def test_clipping_what_has_no_gradient_does_nothing() -> None:
    clip_each([torch.nn.Linear(2, 2)], 1.0)
