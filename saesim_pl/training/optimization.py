"""How SAEs learn: Adam and the course of its rate."""

import math
from collections.abc import Iterable
from functools import partial

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


def adam(
    parameters: Iterable[nn.Parameter],
    lr: float,
    betas: tuple[float, float],
    shares: tuple[float, float],
    total: float,
    fused: bool,
) -> OptimizerLRSchedulerConfig:
    """Adam and its schedule, as Lightning takes them.

    Args:
        parameters: What is trained.
        lr: The full learning rate.
        betas: Decay rates of the moments.
        shares: Of the steps, in which the rate rises from 0 and in which it falls to 0.
        total: Optimiser steps of the run.
        fused: Whether one kernel updates everything.

    Raises:
        ValueError: A run without an end has no such shares.
    """
    if math.isinf(total) and any(shares):
        raise ValueError("the learning rate follows the run: set max_epochs or max_steps, or no decay")
    optimizer = torch.optim.Adam(parameters, lr=lr, betas=betas, fused=fused)
    scheduler = LambdaLR(optimizer, partial(learning_rate_factor, total=total, shares=shares))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def learning_rate_factor(step: int, total: float, shares: tuple[float, float]) -> float:
    """Share of the full learning rate at ``step``; see :func:`adam`."""
    warmup, decay = (max(1.0, share * total) if share else 0.0 for share in shares)
    risen = (step + 1) / warmup if warmup else 1.0
    left = (total - step) / decay if decay else 1.0
    return min(1.0, risen, max(0.0, left))


def clip_each(modules: Iterable[nn.Module], max_norm: float) -> None:
    """Bound the norm of each module's gradient by itself: a joint norm would couple them."""
    grads = [[p.grad for p in module.parameters() if p.grad is not None] for module in modules]
    grads = [own for own in grads if own]
    if not grads:
        return
    # The norms of all in a few calls: for small modules their number is what clipping costs.
    norms = torch.stack(torch._foreach_norm([grad for own in grads for grad in own]))
    totals = torch.stack(torch._foreach_norm(norms.split([len(own) for own in grads])))
    factors = (max_norm / (totals + 1e-6)).clamp_(max=1)
    for own, factor in zip(grads, factors, strict=True):
        torch._foreach_mul_(own, factor)


def refuse_slow_precision(precision: str, device: torch.device) -> None:
    """Refuse bfloat16 on a CPU that lacks its instructions, where products are some 70 times slower.

    Raises:
        ValueError: Naming the precision.
    """
    if device.type != "cpu" or not precision.startswith("bf16"):
        return
    # Older versions of PyTorch do not tell.
    look = getattr(torch.cpu, "get_capabilities", None)
    if look and not any(has for name, has in look().items() if name.endswith("bf16")):
        raise ValueError(f"precision {precision}: this CPU has no bfloat16 instructions, use 32-true")
