"""The score of the data themselves, with its counts and whatever there is to say about it."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from saesim_pl.comparison.question import Question
from saesim_pl.comparison.row import ComparisonRow
from saesim_pl.comparison.sides import Sides
from saesim_pl.comparison.statistics import Scored
from saesim_pl.functional import Matching, SimilarityWarning


def score_data(asked: Question, sides: Sides) -> Scored:
    """One row without its null; without a value, and with the reason, where too few rows are paired.

    Args:
        asked: Measure, pairing and subset.
        sides: The rows of the subset, and all rows of the other side.

    To be called within :func:`notes_taken`.
    """
    measure = asked.measure
    notes: list[str] = []
    _thread.notes = notes
    matching = asked.matching(sides)
    enough = len(matching) >= measure.min_pairs
    value = measure.of_sides(sides, matching, asked.pairing.by == "position") if enough else None
    if not enough:
        notes.append(f"needs {measure.min_pairs} pairs of rows, has {len(matching)}")
    elif measure.sees_pairing and not measure.own_pairs and not matching.is_one_to_one:
        notes.append(f"{len(matching)} pairs use {matching.n_unique_b} rows of {sides.b.name}")
    if measure.needs_encoder and (sides.a.encoder is None or sides.b.encoder is None):
        notes.append("a side has no encoder: compared by decoder alone")
    return Scored(_row(asked, sides, matching, value), measure, None, value, notes)


def _row(asked: Question, sides: Sides, matching: Matching, value: float | None) -> ComparisonRow:
    return ComparisonRow(
        epoch=None,
        pair=f"{sides.a.name}~{sides.b.name}",
        subset=asked.subset,
        pairing=asked.pairing_name,
        measure=asked.measure.name,
        value=value,
        null="" if asked.null is None else str(asked.null),
        n_pairs=len(matching),
        n_unique=matching.n_unique_b,
    )


_thread = threading.local()


@contextmanager
def notes_taken() -> Iterator[None]:
    """Keep warnings about scores for the rows of the thread that gave them: they belong into the table.

    Python's own ``catch_warnings`` would mix the warnings of all threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", SimilarityWarning)
        before = warnings.showwarning

        def take(message: Warning | str, category: type[Warning], *more: Any, **options: Any) -> None:
            if issubclass(category, SimilarityWarning):
                _thread.notes.append(str(message))
            else:
                before(message, category, *more, **options)

        warnings.showwarning = take
        yield
