"""Joint computation of SAEs of one shape that read the same activations."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache, partial
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder

# Largest number of multiplications in one product of one SAE at which a CPU computes SAEs together. This
# saves calls, not arithmetic: the product of a stack runs at .6 of the speed of oneDNN's single products.
# Measured on one thread: time of a step of two and of five ReLU SAEs one by one over the time together, 1.33
# and 1.52 at 2^19 (16 -> 32, batch 1024), 1.08 and 1.15 at 2^21 (64 -> 128, batch 256), .83 and .78 at 2^23,
# .63 and .54 at 2^25; the same for TopK: 1.12 and 1.18, 1.09 and 1.14, .99 and 1.13, 1.03 and 1.03.
_CPU_LIMIT = 2**21
# On an accelerator calls cost more, but stacking copies all weights at each step. Not measured: at 2^30
# (512 -> 1,024, batch 2,048) a product should take as long as about ten calls.
_ACCELERATOR_LIMIT = 2**30


class StackableAutoencoder(SparseAutoencoder):
    """An SAE whose loss can be computed jointly with other SAEs of its class and shape.

    SAEs of a subclass that overrides ``loss`` are computed one by one.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
    """

    @property
    @abstractmethod
    def shared_settings(self) -> Hashable | None:
        """Settings that SAEs computed together must share; None if this SAE is computed alone."""

    @classmethod
    @abstractmethod
    def losses(cls, saes: Sequence[Self], x: Float[Tensor, "batch d_in"]) -> list[SAEOutput]:
        """``loss`` of each of ``saes``, which have the same shape and ``shared_settings``."""

    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """See the class."""
        return self.losses([self], x)[0]


def joint_losses(saes: Iterable[SparseAutoencoder], inputs: Iterable[Tensor]) -> list[SAEOutput]:
    """``loss`` of each SAE for its input; SAEs of one kind with the same input tensor are computed together.

    Losses computed together equal the separate ones up to rounding; all others are equal exactly.

    Args:
        saes: SAEs of any kind.
        inputs: Activations for each SAE.
    """
    groups = defaultdict(list)
    for place, (sae, x) in enumerate(zip(saes, inputs, strict=True)):
        groups[_what_is_shared(sae, x, place)].append((place, sae, x))
    outputs: dict[int, SAEOutput] = {}
    for group in groups.values():
        places, members, (x, *_) = zip(*group, strict=True)
        alone = len(members) == 1
        outputs |= zip(places, [members[0].loss(x)] if alone else members[0].losses(members, x), strict=True)
    return [outputs[place] for place in sorted(outputs)]


def _what_is_shared(sae: SparseAutoencoder, x: Tensor, place: int) -> Hashable:
    """A key that is equal for SAEs to be computed together."""
    if not isinstance(sae, StackableAutoencoder) or type(sae).loss is not StackableAutoencoder.loss:
        return place
    if sae.shared_settings is None or not is_worthwhile(x, sae.d_sae):
        return place
    weight = sae.W_dec
    return id(x), type(sae), weight.shape, weight.dtype, weight.device, sae.shared_settings


def is_worthwhile(x: Float[Tensor, "batch d_in"], d_sae: int) -> bool:
    """Whether SAEs are small enough that computing them together saves time."""
    return x.numel() * d_sae <= (_CPU_LIMIT if x.device.type == "cpu" else _ACCELERATOR_LIMIT)


def weights_of(saes: Sequence[SparseAutoencoder], x: Tensor) -> tuple[Tensor, ...]:
    """``x``, ``W_enc``, ``b_enc``, ``W_dec`` and ``b_dec``; stacked if there are several SAEs."""
    weights = [(sae.W_enc, sae.b_enc, sae.W_dec, sae.b_dec) for sae in saes]
    if len(weights) == 1:
        return x, *weights[0]
    return x.expand(len(weights), -1, -1), *map(torch.stack, zip(*weights, strict=True))


def outputs_of(
    saes: Sequence[SparseAutoencoder],
    x_hat: Tensor,
    loss: Tensor,
    terms: dict[str, Tensor],
    fired: Tensor,
    make_latents: Callable[[], Tensor],
) -> list[SAEOutput]:
    """The output of each SAE, from results computed with their ``weights_of``."""
    if len(saes) == 1:
        return [SAEOutput(x_hat, loss, terms, fired, make_latents)]
    make_all = cache(make_latents)

    def latents_of(i: int) -> Tensor:
        return make_all()[i]

    per_sae = zip(x_hat, loss, *terms.values(), fired, strict=True)
    return [
        SAEOutput(x_hat, loss, dict(zip(terms, values, strict=True)), fired, partial(latents_of, i))
        for i, (x_hat, loss, *values, fired) in enumerate(per_sae)
    ]
