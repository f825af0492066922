"""Gaussian rows in place of a side, or of both."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.nulls.null import Draw, Draws, Null, generator, is_blind, name_of
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.functional.ground.declaration import Declaration
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.ground.spectrum import shrunk_spectrum
from saesim_pl.functional.nulls.gaussian_null import gaussian_drawer

Like = Literal["shapes", "shape", "row_norms", "spectrum", "spectra"]


class GaussianNull(Null):
    """Replaces the rows of ``b``, or of both sides, by Gaussian rows and pairs them again.

    Args:
        n_draws: Draws; the least p-value is ``1 / (n_draws + 1)``.
        seed: Decides all draws.
        like: The property that is kept. Of ``b``: its ``shape``, its ``row_norms``, or its ``spectrum``. Of
            both sides, each of which is drawn: their ``shapes``, so that the null depends on nothing else and
            is remembered from one validation to the next; or their ``spectra``, each along its own axes with
            the mean of both spectra, so that a low p-value says that the sides are more alike than two
            samples of one spectrum.

    Raises:
        ValueError: ``like`` is unknown.

    Example:
        >>> str(GaussianNull(n_draws=99, like="spectra"))
        'GaussianNull(spectra, 99)'
    """

    def __init__(self, n_draws: int = 999, seed: int = 0, like: Like = "row_norms") -> None:
        super().__init__(n_draws, seed)
        check_option("like", like, get_args(Like))
        self.like: Like = like

    @property
    def depends_on_shapes(self) -> bool:
        """Where both sides are Gaussian rows of no spectrum in particular."""
        return self.like == "shapes"

    def __str__(self) -> str:
        """With the property that is kept."""
        return f"{type(self).__name__}({self.like}, {self.n_draws})"

    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """Independent Gaussian rows, scaled as ``like`` says."""
        if self.like == "spectra":
            return _Gaussian(self.seed, *zip((a, b), _of_one_spectrum(a, b), strict=True))
        like = "shape" if self.like == "shapes" else self.like
        drawn_b = b, gaussian_drawer(b.directions, like)
        drawn_a = (a, gaussian_drawer(a.directions, like) if self.like == "shapes" else None)
        return _Gaussian(self.seed, drawn_a, drawn_b)

    def refusal(
        self, pairing: Pairing, declaration: Declaration | None, options: Mapping[str, Any]
    ) -> str | None:
        """Refuse the spectrum of ``b`` for measures that compare nothing but spectra."""
        if self.like == "spectrum" and is_blind(declaration, options, "orthogonal", "row_permutation"):
            seen = name_of(declaration)
            return f"rows with the spectrum of b have its {seen} too; take GaussianNull with like: spectra"
        return super().refusal(pairing, declaration, options)


Drawer = Callable[[Generator], Float[Tensor, "n d"]]


class _Gaussian(Draws):
    """Each side with the drawer of its directions, or None where it stays; encoders are plain noise."""

    def __init__(self, seed: int, *sides: tuple[FeatureSet, Drawer | None]) -> None:
        self.seed, self.sides = seed, sides
        self.encoders = [
            None if side.encoder is None else gaussian_drawer(side.encoder, "row_norms") for side, _ in sides
        ]

    def __call__(self, t: int) -> Draw:
        drawn = []
        for word, ((side, drawer), encoder) in enumerate(zip(self.sides, self.encoders, strict=True)):
            seeded = generator(self.seed, t, word, *side.directions.shape)
            if drawer is not None:
                rows = drawer(seeded)
                side = side.mapped(rows, None if encoder is None else encoder(seeded))
            drawn.append(side)
        a, b = drawn
        return Draw(a, b)


def _of_one_spectrum(a: FeatureSet, b: FeatureSet) -> list[Drawer]:
    """Drawers of rows that have the axes and row norms of their side and the mean of both spectra."""
    spectra = [shrunk_spectrum(side.directions) for side in (a, b)]
    width = max(len(values) for values, _ in spectra)
    padded = [
        torch.nn.functional.pad(values / values.sum(), (0, width - len(values))) for values, _ in spectra
    ]
    common = (padded[0] + padded[1]) / 2
    return [
        _drawer(side.directions, axes * common[: len(axes)].sqrt())
        for side, (_, axes) in zip((a, b), spectra, strict=True)
    ]


def _drawer(rows: Tensor, scaled_axes: Float[Tensor, "d d"]) -> Drawer:
    norms, mix = rows.norm(dim=1, keepdim=True), scaled_axes.T.to(rows)

    def draw(seeded: Generator) -> Tensor:
        noise = torch.randn(rows.shape, generator=seeded).to(rows) @ mix
        return noise * (norms / noise.norm(dim=1, keepdim=True))

    return draw
