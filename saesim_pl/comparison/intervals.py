"""Bootstrap intervals of scores that average over features."""

import warnings
from dataclasses import replace

import torch
from torch import Tensor

from saesim_pl.comparison.procedure import PairComparison
from saesim_pl.comparison.question import Question
from saesim_pl.comparison.statistics import Scored
from saesim_pl.functional import SimilarityWarning
from saesim_pl.functional.nulls.bootstrap_of_scores import bootstrap_of_scores


def with_interval(scored: Scored, comparison: PairComparison, question: Question) -> Scored:
    """A row with the interval of its mean over features; others say that they have none."""
    if scored.row.value is None:
        return scored
    scores = _scores(comparison, question)
    if scores is None or len(scores) < 2:
        return replace(scored, notes=[*scored.notes, "no interval: not a mean over features"])
    interval = bootstrap_of_scores(scores.double().cpu())
    return replace(scored, row=replace(scored.row, ci_low=interval.low, ci_high=interval.high))


def _scores(comparison: PairComparison, question: Question) -> Tensor | None:
    """Score of each feature, whose mean is the value; None where it is no such mean."""
    measure = question.measure
    declaration = measure.declaration
    if declaration is None or declaration.per_feature is None:
        return None
    per_feature = declaration.per_feature
    sides = comparison.sides(question.subset, question.swapped)
    matching = question.matching(sides)
    options = dict(measure.options)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", SimilarityWarning)  # noted with the value already
        if measure.takes_rows(question.pairing.by == "position"):
            return per_feature(*sides.paired_rows(matching), **options)
        rows = sides.with_encoders() if measure.needs_encoder else (sides.a.directions, sides.b.directions)
        takes = declaration.matching is not None
        return per_feature(*rows, **options, **({"matching": matching} if takes else {}))
