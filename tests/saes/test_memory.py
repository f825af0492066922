"""How much a training step allocates beyond what it must keep for its way back."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from saesim_pl import saes
from tests.saes.test_contract import ARCHITECTURES

D_IN, D_SAE, BATCH = 32, 512, 4096
LATENTS = BATCH * D_SAE * 4
# Inputs, residuals and gradients of weights, and the blocks by which latents are passed over.
SMALL = 0.6


def allocations(run) -> list[float]:
    """Live bytes after each allocation and release of ``run``, in units of the batch's latents."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        kept = run()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    live = torch.tensor([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())]).cumsum(0) / LATENTS
    del kept
    return live.tolist()


def step_of(loss) -> tuple[float, float, float]:
    """Of the way forward and back: the peak, what is kept between, and what the way back adds to it."""
    kept = []
    forward = allocations(lambda: kept.append(loss()))
    backward = allocations(lambda: kept[0].loss.backward())
    return max(forward), forward[-1], max(backward)


def plain(x: torch.Tensor, sae: saes.StandardSAE) -> saes.SAEOutput:
    latents = (x @ sae.W_enc + sae.b_enc).relu()
    loss = (latents @ sae.W_dec + sae.b_dec - x).square().sum() + (latents * sae.W_dec.norm(dim=1)).sum()
    return saes.SAEOutput(x, loss, {}, x, lambda: latents)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_makes_one_temporary_of_the_size_of_its_latents(architecture: type) -> None:
    torch.manual_seed(0)
    sae, x = architecture(D_IN, D_SAE), torch.randn(BATCH, D_IN)
    sae.loss(x).loss.backward()
    forward, kept, backward = step_of(lambda: sae.loss(x))
    assert kept < 1 + SMALL, "the latents are all of their size that a backward needs"
    assert forward < kept + 1 + SMALL
    assert backward < 1 + SMALL


def test_plain_autograd_makes_more() -> None:
    sae, x = saes.StandardSAE(D_IN, D_SAE), torch.randn(BATCH, D_IN)
    _, kept, backward = step_of(lambda: plain(x, sae))
    assert kept > 1 + SMALL or backward > 1 + SMALL
