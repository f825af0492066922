"""The draws of a null for one pair, as two sides."""

from collections.abc import Callable

from saesim_pl.comparison.nulls import Null, ShiftedTokensNull
from saesim_pl.comparison.nulls.null import Draw
from saesim_pl.comparison.question import Pair, Question
from saesim_pl.comparison.sides import Sides


def drawer_of(pair: Pair, null: Null, first: Question, sides: Sides) -> Callable[[int], tuple[Draw, Sides]]:
    """Draw number ``t`` of a null, and its two sides in the order of the question.

    Args:
        pair: The data.
        null: The null.
        first: One of the questions that the draws answer; nulls that draw a group draw its group.
        sides: The data as this question sees them.

    Raises:
        ValueError: The null needs latents, which the pair lacks.
    """
    a, b = pair.a, pair.b
    if isinstance(null, ShiftedTokensNull):
        if pair.correlations is None:
            raise ValueError(f"ShiftedTokensNull needs latents of {a.name} and {b.name} over samples")
        made = pair.correlations.draws(a, b)
    elif null.depends_on_shapes:
        made = null.draws(sides.a, sides.b)
    else:
        # The side among whose rows others are sought is the one that is drawn.
        a, b = (b, a) if first.swapped else (a, b)
        made = null.draws(a, b, first.subset)

    def draw(t: int) -> tuple[Draw, Sides]:
        drawn = made(t)
        return drawn, Sides(drawn.a, drawn.b, drawn.correlation)

    return draw
