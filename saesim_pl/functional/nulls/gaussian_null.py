"""A measure's scores when one side is Gaussian noise."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from saesim_pl.functional.dictionaries.singular_value_distance import singular_value_distance
from saesim_pl.functional.ground.declaration import declaration_of
from saesim_pl.functional.ground.inputs import check_matrix, check_option, same_precision, unit_rows
from saesim_pl.functional.ground.single_threads import single_threads
from saesim_pl.functional.nulls.comparison import Comparison
from saesim_pl.functional.nulls.null_scores import compared_with_draws, null_generator
from saesim_pl.functional.nulls.permutation_null import check_draws, refuse_matching

Match = Literal["shape", "row_norms", "spectrum"]


def gaussian_null(
    measure: Callable[..., Float[Tensor, ""]],
    a: Float[Tensor, "n_a d_a"],
    b: Float[Tensor, "n_b d_b"],
    match: Match = "shape",
    n_draws: int = 999,
    seed: int = 0,
    **options: Any,
) -> Comparison:
    """A measure's score, and its scores when ``b`` is replaced by Gaussian matrices that resemble it.

    Tests whether ``b`` resembles ``a`` more than noise does. Also works for measures that ignore the
    pairing. Noise has mean 0: a uniform baseline on [0, 1) would share a direction with every other such
    matrix. Not for rows that were matched by looking at ``a`` and ``b``: the noise is not matched again here
    (:class:`~saesim_pl.comparison.GaussianNull` does so).

    Args:
        measure: A function of this package.
        a: Rows, kept.
        b: Rows, replaced.
        match: Property of ``b`` that the noise keeps: its ``shape`` and Frobenius norm, the norm of each row
            (``row_norms``), or all singular values (``spectrum``), with directions drawn uniformly.
        n_draws: Matrices of noise, at least 2.
        seed: Seed of the noise, which is the same on every device; the global generator is not used.
        options: Passed on to the measure.

    Returns:
        The comparison; its ``n_permutations`` is ``n_draws``.

    Raises:
        ValueError: ``match`` is unknown, there are fewer than 2 draws, the measure is undeclared or refuses
            its inputs, or it is the distance of spectra against noise of the same spectrum.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import gaussian_null, mean_max_cosine_similarity
        >>> a = torch.arange(90.0).reshape(30, 3).sin()
        >>> found = gaussian_null(mean_max_cosine_similarity, a, a, n_draws=99)
        >>> round(found.value, 3), found.p_value
        (1.0, 0.01)
    """
    declaration_of(measure)
    check_option("match", match, get_args(Match))
    refuse_matching(options)
    check_draws("n_draws", n_draws)
    check_matrix("a", a)
    check_matrix("b", b)
    if measure is singular_value_distance and match == "spectrum":
        raise ValueError("noise of b's spectrum is at b's distance from a: match its shape or row_norms")
    with single_threads() as pool:
        # Warns and refuses once, for all draws.
        value = float(measure(a, b, **options))
        a, b = same_precision(a.detach(), b.detach())
        draw = gaussian_drawer(b, match)

        def noise() -> Iterator[Tensor]:
            generator = null_generator(seed)
            return (draw(generator) for _ in range(n_draws))

        def score_in(dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
            kept = a.to(dtype)
            return lambda drawn: measure(kept, drawn.to(dtype), **options)

        found = compared_with_draws(pool, score_in, b, noise, measure, options, a.dtype)
    return replace(found, value=value)


def gaussian_drawer(b: Float[Tensor, "n d"], match: Match) -> Callable[[Generator], Float[Tensor, "n d"]]:
    """Draws Gaussian rows that keep the shape, the row norms or the spectrum of ``b``."""
    norm, row_norms = b.norm(), b.norm(dim=1, keepdim=True)
    singular_values = torch.linalg.svdvals(b) if match == "spectrum" else None

    def draw(generator: Generator) -> Tensor:
        noise = torch.randn(b.shape, generator=generator, dtype=b.dtype).to(b.device)
        if match == "row_norms":
            return unit_rows(noise) * row_norms
        if singular_values is None:
            return noise * (norm / noise.norm())
        left, _, right = torch.linalg.svd(noise, full_matrices=False)
        return (left * singular_values) @ right

    return draw
