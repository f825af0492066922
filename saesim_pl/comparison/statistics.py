"""From scores and their draws to z, p-values, and p-values over many rows."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from scipy.stats import false_discovery_control
from torch import Tensor

from saesim_pl.comparison.measure import Measure
from saesim_pl.comparison.row import ComparisonRow
from saesim_pl.functional.nulls.comparison import compared

FAMILY = ("pair",)
"""Rows that differ in nothing but their pair are one family, unless a caller says otherwise."""


@dataclass(frozen=True)
class Scored:
    """A row before its statistics, with all scores of its null.

    Attributes:
        row: Value, counts and notes.
        measure: The measure that was scored.
        draws: Scores of the null; None where there is no null.
        observed: The value as the draws were computed, which may differ from it by rounding.
    """

    row: ComparisonRow
    measure: Measure | None
    draws: Float[Tensor, " m"] | None = None
    observed: float | None = None
    notes: list[str] = field(default_factory=list)


def rows_with_statistics(scored: Sequence[Scored], family: Sequence[str] = FAMILY) -> list[ComparisonRow]:
    """Rows with mean, SD, z, p-values and effect.

    Args:
        scored: Rows of one comparison, whose draws were shared.
        family: Columns in which rows of one family may differ: ``pair``, ``subset``, ``pairing``,
            ``measure``.
    """
    rows = [_with_null(one) for one in scored]
    rows = [replace(row, p_family=p) for row, p in zip(rows, _family_p(scored, family), strict=True)]
    tested = [i for i, row in enumerate(rows) if row.p_value is not None]
    if tested:
        adjusted = false_discovery_control([rows[i].p_value for i in tested])
        for i, p in zip(tested, adjusted.tolist(), strict=True):
            rows[i] = replace(rows[i], p_adjusted=p)
    return rows


def _with_null(scored: Scored) -> ComparisonRow:
    row, notes = scored.row, [*scored.notes]
    if scored.draws is None or scored.measure is None or row.value is None or scored.observed is None:
        return replace(row, notes=_joined(notes))
    draws = scored.draws[scored.draws.isfinite()]
    if len(draws) < len(scored.draws):
        notes.append(f"{len(scored.draws) - len(draws)} of {len(scored.draws)} draws had too few pairs")
    if len(draws) < 2:
        mean = draws.item() if len(draws) else None
        return replace(row, null_mean=mean, notes=_joined([*notes, f"{len(draws)} draws: no p-value"]))
    measure = scored.measure
    found = compared(scored.observed, draws, measure.higher_is_better, torch.float32, measure.bounded)
    inert = found.z == 0 and found.p_value == 1  # compared() gives z 0 where only rounding varies
    if inert:
        notes.append("every draw gives this score: the null cannot move it")
    best, mean = scored.measure.best, found.null_mean
    return replace(
        row,
        null_mean=mean,
        null_std=found.null_std,
        z=found.z if math.isfinite(found.z) else None,
        p_value=None if inert else found.p_value,
        effect=None if best is None or best == mean else (row.value - mean) / (best - mean),
        notes=_joined(notes),
    )


def _family_p(scored: Sequence[Scored], family: Sequence[str]) -> Iterable[float | None]:
    """p-value of each row among the maxima of its family; all rows of a family share their draws."""
    members: dict[tuple, list[int]] = {}
    for i, one in enumerate(scored):
        if one.draws is not None and len(one.draws) > 1:
            same = [getattr(one.row, column) for column in COLUMNS if column not in family]
            members.setdefault((one.row.null, len(one.draws), *same), []).append(i)
    p_values: list[float | None] = [None] * len(scored)
    for indices in members.values():
        if len(indices) > 1:
            for i, p in zip(indices, maximum_p([scored[i] for i in indices]), strict=True):
                p_values[i] = p
    return p_values


COLUMNS = ("pair", "subset", "pairing", "measure")


def maximum_p(family: Sequence[Scored]) -> list[float]:
    """p-values of every row against the maximum over the family in each draw (Westfall and Young 1993).

    Scores of different measures and pairs are brought to one scale by the mean and SD over the draws and
    the value together, which treats all of them alike.
    """
    better_high = [one.measure is None or one.measure.higher_is_better for one in family]
    signs = torch.tensor([1.0 if high else -1.0 for high in better_high], dtype=torch.float64)
    values = torch.tensor([one.observed for one in family], dtype=torch.float64)
    draws = torch.stack([one.draws.double() for one in family])  # type: ignore[union-attr]
    both = torch.cat([values[:, None], draws], dim=1) * signs[:, None]
    mean = both.nanmean(dim=1, keepdim=True)
    spread = (both - mean).square().nanmean(dim=1, keepdim=True).sqrt()
    # A spread of nothing but rounding would be blown up to scores like any others.
    varies = spread > 64 * torch.finfo(torch.float32).eps * both.abs().nan_to_num().amax(dim=1, keepdim=True)
    scores = torch.where(varies, (both - mean) / spread.where(varies, 1.0), 0.0)
    scores = scores.nan_to_num(nan=-torch.inf)  # a draw with too few pairs reaches nothing
    maxima = scores[:, 1:].amax(dim=0)
    reached = (maxima >= scores[:, :1] - 1e-9).sum(dim=1)
    return ((reached + 1) / (len(maxima) + 1)).tolist()


def _joined(notes: list[str]) -> str:
    return "; ".join(dict.fromkeys(notes))
