"""Many pairs, compared as one table, for callbacks, the command line and notebooks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from saesim_pl.comparison.intervals import with_interval
from saesim_pl.comparison.measure import Measure
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.comparison.procedure import PairComparison
from saesim_pl.comparison.question import NullOf, Pair
from saesim_pl.comparison.row import ComparisonRow
from saesim_pl.comparison.statistics import FAMILY, Scored, rows_with_statistics


def compare_pairs(
    pairs: Sequence[Pair],
    measures: Sequence[Measure],
    pairings: Mapping[str, Pairing],
    null_of: NullOf,
    *,
    family: Sequence[str] = FAMILY,
    intervals: bool = True,
    epoch: int | None = None,
    remembered: dict[tuple, Tensor] | None = None,
    after_draw: Callable[[int], None] = lambda n_scores: None,
) -> list[ComparisonRow]:
    """Every pair by every measure under every pairing, each score beside its null.

    Args:
        pairs: Who is compared with whom.
        measures: By which measures.
        pairings: By name, how rows find partners.
        null_of: The null of each; see :func:`~saesim_pl.comparison.nulls.null_chooser`.
        family: Columns in which rows of one family may differ, for ``p_family``.
        intervals: Whether scores that average over features get a bootstrap interval.
        epoch: Written into the rows.
        remembered: Scores of nulls that depend on shapes alone, kept between calls.
        after_draw: Called after each draw with the number of its scores, for a progress bar.

    Raises:
        ValueError: Two sides have no common space, a null is unsuited, or a score is NaN.
    """
    remembered = {} if remembered is None else remembered
    comparisons = [
        PairComparison(pair, measures, pairings, null_of, remembered, after_draw) for pair in pairs
    ]
    return rows_of(comparisons, family=family, intervals=intervals, epoch=epoch)


def rows_of(
    comparisons: Iterable[PairComparison],
    others: Sequence[Scored] = (),
    *,
    family: Sequence[str] = FAMILY,
    intervals: bool = True,
    epoch: int | None = None,
) -> list[ComparisonRow]:
    """One table of several pairs, with p-values adjusted over all of it.

    Args:
        comparisons: The pairs.
        others: Further rows, scored elsewhere; their p-values are adjusted among themselves.
        family: Columns in which rows of one family may differ, for ``p_family``.
        intervals: Whether scores that average over features get a bootstrap interval.
        epoch: Written into the rows.
    """
    scored = []
    for comparison in comparisons:
        found = comparison.scored()
        if intervals:
            questions = zip(found, comparison.asked, strict=True)
            found = [with_interval(one, comparison, question) for one, question in questions]
        scored += found
    rows = [*rows_with_statistics(scored, family), *rows_with_statistics(others, family)]
    return [replace(row, epoch=epoch) for row in rows]
