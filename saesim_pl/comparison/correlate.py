"""Correlations of the latents of many pairs, from one pass over their samples."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchmetrics import Metric

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.latent_measures import score_latents
from saesim_pl.comparison.latents import LatentSums
from saesim_pl.comparison.nulls import Null, ShiftedTokensNull
from saesim_pl.comparison.plan import Plan
from saesim_pl.comparison.progress import Progress, shown
from saesim_pl.comparison.samples import Samples, samples_of
from saesim_pl.comparison.statistics import Scored

Names = tuple[str, str]


def shifts_of(null: Null | Mapping[str, Null] | None, n_draws: int) -> ShiftedTokensNull:
    """The shifts that were asked for, by themselves or for some measure; else the default ones."""
    asked = [null] if isinstance(null, Null) else list((null or {}).values())
    return next((one for one in asked if isinstance(one, ShiftedTokensNull)), ShiftedTokensNull(n_draws))


def latent_sums(
    pairs: Sequence[tuple[FeatureSet, FeatureSet]],
    samples: Samples,
    shifts: ShiftedTokensNull,
    keep_squares: bool = False,
    after_batch: Callable[[int], None] = lambda n_rows: None,
) -> dict[Names, LatentSums]:
    """Sums of the latents of each pair over all samples.

    Args:
        pairs: Who is correlated with whom.
        samples: Their samples.
        shifts: Shifts of the null.
        keep_squares: Whether measures of the latents themselves are asked for.
        after_batch: Called after each batch with its number of samples.

    Raises:
        ValueError: Nobody knows how long a document is, latents do not fit the rows, or a value is NaN.
    """
    document = shifts.document or samples.document
    if document is None:
        raise ValueError(
            "nobody knows how many samples one document has: give the null ShiftedTokensNull(document=...), "
            "1 where samples are independent"
        )
    sums = {
        (a.name, b.name): LatentSums(shifts.n_draws, document, keep_squares=keep_squares) for a, b in pairs
    }
    sizes = {one.name: len(one) for pair in pairs for one in pair}
    for latents in samples.latents():
        for name, values in latents.items():
            if values.shape[1] != sizes[name]:
                raise ValueError(f"{name} has {sizes[name]} rows and {values.shape[1]} latents")
            if not values.isfinite().all():
                raise ValueError(f"{name} has latents that are NaN or infinite: are the activations?")
        for (a, b), one in sums.items():
            one.update(latents[a], latents[b])
        after_batch(len(next(iter(latents.values()))))
    return sums


def sums_of(
    planned: Sequence[tuple[FeatureSet, FeatureSet, Plan]],
    shifts: ShiftedTokensNull,
    activations: Any,
    of_latents: bool,
    progress: bool,
) -> dict[Names, LatentSums]:
    """Sums of the pairs whose plan asks for correlations; see :func:`latent_sums`.

    Args:
        planned: Pairs with their plans.
        shifts: Shifts of the null.
        activations: See :func:`~saesim_pl.comparison.samples.samples_of`.
        of_latents: Whether all pairs need sums, for measures of the latents themselves.
        progress: Whether to show a bar.

    Raises:
        FileNotFoundError: The samples are not there.
        ValueError: A pair has no common samples.
    """
    pairs = [(a, b) for a, b, plan in planned if plan.correlates or of_latents]
    if not pairs:
        return {}
    members = list({one.name: one for pair in pairs for one in pair}.values())
    try:
        samples = samples_of(members, activations)
    except (ValueError, FileNotFoundError) as error:
        apart = next((plan.apart for _, _, plan in planned if plan.apart), "")
        raise type(error)(f"{apart}; by correlation: {error}" if apart else str(error)) from None
    bar = Progress(samples.n_rows or 1)
    with shown(bar, "correlating", progress and samples.n_rows is not None):
        return latent_sums(pairs, samples, shifts, of_latents, bar.advance)


def latent_rows(
    sums: Mapping[Names, LatentSums], metrics: Mapping[str, Metric], shifts: ShiftedTokensNull
) -> list[Scored]:
    """Rows of the latents themselves, of every pair that has sums."""
    return [
        row
        for (a, b), one in sums.items()
        for row in (score_latents(f"{a}~{b}", metrics, one, str(shifts)) if metrics else ())
    ]
