import torch

from saesim_pl.training.optimization import clip_each


def test_clipping_what_has_no_gradient_does_nothing() -> None:
    clip_each([torch.nn.Linear(2, 2)], 1.0)
