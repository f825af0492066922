"""Pairs of sides that share nothing, of several kinds, and pairs that share a part."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from saesim_pl.comparison import FeatureSet, Pair
from saesim_pl.comparison.latents import LatentSums
from saesim_pl.comparison.nulls.turning import random_rotation

N_A, N_B, D = 96, 128, 64
Sides = tuple[Tensor, Tensor]


def gaussian(g: Generator, n_a: int = N_A, n_b: int = N_B, d: int = D) -> Sides:
    """Isotropic rows."""
    return torch.randn(n_a, d, generator=g), torch.randn(n_b, d, generator=g)


def own_axes(g: Generator, n_a: int = N_A, n_b: int = N_B, d: int = D) -> Sides:
    """A power-law spectrum on each side, with axes of its own."""
    a, b = common_covariance(g, n_a, n_b, d)
    return a, b @ random_rotation(d, g)


def common_covariance(g: Generator, n_a: int = N_A, n_b: int = N_B, d: int = D) -> Sides:
    """Independent rows of one common covariance, as SAEs of one model have."""
    scale = (1 + torch.arange(d)) ** -0.7
    a, b = gaussian(g, n_a, n_b, d)
    return a * scale, b * scale


def sparse_latents(g: Generator, n: int = 100, d: int = 40) -> Sides:
    """Rows of few non-zeros, a fifth of them all zero."""
    sides = []
    for _ in range(2):
        rows = torch.rand(n, d, generator=g) * (torch.rand(n, d, generator=g) < 0.04)
        sides.append(rows)
    return sides[0], sides[1]


def one_hot(g: Generator, n: int = 100, d: int = 8) -> Sides:
    """Labels: most rows are equal to many others."""
    a, b = (torch.nn.functional.one_hot(torch.randint(d, (n,), generator=g), d).float() for _ in range(2))
    return a, b


UNRELATED: dict[str, Callable[[Generator], Sides]] = {
    "gaussian": gaussian,
    "own axes": own_axes,
    "common covariance": common_covariance,
}
PAIRED: dict[str, Callable[[Generator], Sides]] = {"sparse latents": sparse_latents, "one-hot": one_hot}


def sharing(g: Generator, share: float, n: int = 512, d: int = 256, cosine: float = 0.9) -> Sides:
    """Isotropic rows, of which a share is in both sides, up to noise that leaves this cosine."""
    a, b = gaussian(g, n, n, d)
    k = round(share * n)
    noise = (1 / cosine**2 - 1) ** 0.5
    b[:k] = a[:k] + noise * torch.randn(k, d, generator=g)
    return a, b[torch.randperm(n, generator=g)]


def pair_of(a: Tensor, b: Tensor) -> Pair:
    """Two sides of one space."""
    return Pair(FeatureSet("a", a, "space"), FeatureSet("b", b, "space"))


def token_streams(g: Generator, n: int = 2000, d_sae: int = 48, d: int = 24, document: int = 20) -> Pair:
    """Independent streams of autocorrelated sparse latents, and independent dictionaries."""
    streams = []
    for _ in range(2):
        noise = torch.randn(n // document, document, d_sae, generator=g)
        state = noise[:, 0]
        rows = [state]
        for t in range(1, document):
            state = 0.9 * state + (1 - 0.9**2) ** 0.5 * noise[:, t]
            rows.append(state)
        streams.append((torch.stack(rows, dim=1).reshape(n, d_sae) - 1).relu())
    sums = LatentSums(n_draws=19, document=document)
    sums.update(*streams)
    dictionaries = (torch.randn(d_sae, d, generator=g) for _ in range(2))
    a, b = (FeatureSet(name, rows, name) for name, rows in zip("ab", dictionaries, strict=True))
    return Pair(a, b, correlations=sums.correlations())
