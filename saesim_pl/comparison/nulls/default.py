"""The default null of each score."""

from collections.abc import Callable, Mapping

from saesim_pl.comparison.measure import Measure
from saesim_pl.comparison.nulls.gaussian import GaussianNull
from saesim_pl.comparison.nulls.null import Null, is_blind
from saesim_pl.comparison.nulls.permutation import PermutationNull
from saesim_pl.comparison.nulls.shifted_tokens import ShiftedTokensNull
from saesim_pl.comparison.nulls.turning import ReflectionNull
from saesim_pl.comparison.pairing import Pairing


def default_null(pairing: Pairing, measure: Measure, n_draws: int = 999, seed: int = 0) -> Null:
    """The null of a measure under a pairing, from the declaration of the measure.

    Pairs by correlation: :class:`ShiftedTokensNull`. Measures that see neither the pairing nor how a side
    is turned, such as the distance of singular values: :class:`GaussianNull` of both spectra. Other measures
    of rows as they come: :class:`PermutationNull`. Everything else: :class:`ReflectionNull`.
    """
    if pairing.by == "correlation":
        return ShiftedTokensNull(n_draws)
    if is_blind(measure.declaration, measure.options, "orthogonal", "row_permutation"):
        return GaussianNull(n_draws, seed, like="spectra")
    if pairing.by == "position" and measure.sees_pairing:
        return PermutationNull(n_draws, seed)
    return ReflectionNull(n_draws, seed)


def null_chooser(
    null: Null | Mapping[str, Null] | None = None, n_draws: int = 999, seed: int = 0
) -> Callable[[Pairing, Measure], Null]:
    """Gives the null of each measure under each pairing.

    Args:
        null: One null for all measures, or a null by the name of a measure; the others have their default.
        n_draws: Draws of the default nulls.
        seed: Of the default nulls.

    Returns:
        A function that raises ``ValueError`` where a null that was asked for cannot move a score or says
        something else; the message names the null to use.
    """

    def null_of(pairing: Pairing, measure: Measure) -> Null:
        asked = null.get(measure.name) if isinstance(null, Mapping) else null
        if asked is None:
            return default_null(pairing, measure, n_draws, seed)
        if said := asked.refusal(pairing, measure.declaration, measure.options):
            raise ValueError(f"null of {measure.name} under {pairing}: {said}")
        return asked

    return null_of
