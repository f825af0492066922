"""Gaussian rows in place of a side."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.nulls.null import Draw, Draws, Null, generator, is_blind
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.functional.ground.declaration import Declaration
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.nulls.gaussian_null import gaussian_drawer

Like = Literal["shapes", "shape", "row_norms", "spectrum"]


class GaussianNull(Null):
    """Draws Gaussian rows in place of those of ``b`` and pairs them anew.

    Args:
        n_draws: Draws; the least p-value is ``1 / (n_draws + 1)``.
        seed: Decides all draws.
        like: What of ``b`` the rows keep: its ``shape``, its ``row_norms``, or its ``spectrum``. With
            ``shapes`` both sides are Gaussian: the null then depends on the two shapes alone and is
            remembered from one validation to the next.

    Raises:
        ValueError: ``like`` is unknown.

    Example:
        >>> str(GaussianNull(n_draws=99, like="spectrum"))
        'GaussianNull(spectrum, 99)'
    """

    def __init__(self, n_draws: int = 999, seed: int = 0, like: Like = "row_norms") -> None:
        super().__init__(n_draws, seed)
        check_option("like", like, get_args(Like))
        self.like: Like = like

    @property
    def depends_on_shapes(self) -> bool:
        """Where both sides are Gaussian."""
        return self.like == "shapes"

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.like}, {self.n_draws})"

    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """Independent Gaussian rows, scaled as ``like`` says."""
        return _Gaussian(a, b, self)

    def refusal(
        self, pairing: Pairing, declaration: Declaration | None, options: Mapping[str, Any]
    ) -> str | None:
        """Refuse the spectrum of ``b`` for measures that compare nothing but spectra."""
        if self.like == "spectrum" and is_blind(declaration, options, "orthogonal", "row_permutation"):
            name = declaration.name if declaration else ""
            return f"rows with the spectrum of b have its {name} too; take GaussianNull with like: row_norms"
        return super().refusal(pairing, declaration, options)


class _Gaussian(Draws):
    def __init__(self, a: FeatureSet, b: FeatureSet, null: GaussianNull) -> None:
        self.a, self.b, self.seed = a, b, null.seed
        self.both = null.like == "shapes"
        like = "shape" if self.both else null.like
        self.noise = {
            id(rows): gaussian_drawer(rows, like)
            for side in (a, b)
            for rows in (side.directions, side.encoder)
            if rows is not None
        }

    def __call__(self, t: int) -> Draw:
        return Draw(self._drawn(self.a, t, 0) if self.both else self.a, self._drawn(self.b, t, 1))

    def _drawn(self, side: FeatureSet, t: int, word: int) -> FeatureSet:
        seeded = generator(self.seed, t, word, *side.directions.shape)
        directions = self.noise[id(side.directions)](seeded)
        encoder = None if side.encoder is None else self.noise[id(side.encoder)](seeded)
        return side.mapped(directions, encoder)
