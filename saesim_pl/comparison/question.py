"""Who is compared with whom, and the rows that this gives."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.latents import LatentCorrelations
from saesim_pl.comparison.measure import Measure
from saesim_pl.comparison.nulls.null import Null
from saesim_pl.comparison.pairing import CosinePairing, Pairing
from saesim_pl.comparison.sides import Sides
from saesim_pl.functional import Matching

NullOf = Callable[[Pairing, Measure], Null | None]
"""Which null a measure has under a pairing; None for no null."""


@dataclass(frozen=True)
class Pair:
    """Two feature sets to compare.

    Args:
        a: Rows to find.
        b: Rows to search.
        subsets: Groups of ``a`` (of ``b``, in the other direction) to compare; ``all`` for all rows.
        correlations: Correlations of their latents over common samples, observed and shifted.
        one_space: Whether cosines mean something although the spaces have different names.
    """

    a: FeatureSet
    b: FeatureSet
    subsets: Sequence[str] = ("all",)
    correlations: LatentCorrelations | None = None
    one_space: bool = False

    @property
    def name(self) -> str:
        """Such as ``a~b``."""
        return f"{self.a.name}~{self.b.name}"

    def has(self, subset: str, swapped: bool) -> bool:
        """Whether the side whose rows are to be found has such a group."""
        return subset == "all" or subset in (self.b if swapped else self.a).groups


@dataclass(frozen=True)
class Question:
    """One row to come."""

    measure: Measure
    pairing_name: str
    pairing: Pairing
    subset: str
    swapped: bool
    null: Null | None

    def matching(self, sides: Sides) -> Matching:
        """The pairs behind a row: of its pairing, or the best ones where a measure seeks its own."""
        if self.measure.own_pairs:
            return sides.matching("cosine", "argmax")
        return self.pairing.match(sides)


def questions(
    pair: Pair, measures: Sequence[Measure], pairings: Mapping[str, Pairing], null_of: NullOf
) -> Iterable[Question]:
    """Every row of one pair: each measure by subset and pairing, in both directions where that differs."""
    # Measures that seek their own best cosines have the null of a pairing by cosine.
    own = next((pairing for pairing in pairings.values() if pairing.by == "cosine"), CosinePairing("argmax"))
    for subset in pair.subsets:
        for measure in measures:
            if measure.own_pairs:
                for swapped in (False, True) if measure.directed else (False,):
                    if pair.has(subset, swapped):
                        yield Question(measure, "", own, subset, swapped, null_of(own, measure))
            elif pair.has(subset, False):
                for name, pairing in pairings.items():
                    yield Question(measure, name, pairing, subset, False, null_of(pairing, measure))


def shape_key(question: Question, sides: Sides) -> tuple:
    """Everything that a null of Gaussian sides depends on: shapes, pairing, measure and options."""
    measure = question.measure
    options = tuple(sorted((key, str(value)) for key, value in measure.options.items()))
    encoders = measure.needs_encoder and sides.a.encoder is not None and sides.b.encoder is not None
    shape = (*sides.sizes, sides.a.directions.shape[1], sides.b.directions.shape[1])
    pairing = "" if measure.own_pairs else str(question.pairing)
    seed = None if question.null is None else question.null.seed
    return (str(question.null), seed, shape, pairing, type(measure.metric), options, encoders)
