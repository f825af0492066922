"""Anything against anything, after the fact."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from torchmetrics import Metric

from saesim_pl.comparison.asked import Asked
from saesim_pl.comparison.compare_pairs import rows_of
from saesim_pl.comparison.correlate import latent_rows, shifts_of, sums_of
from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.files import write_rows
from saesim_pl.comparison.latent_measures import check_latent_metrics
from saesim_pl.comparison.named import named_metrics, named_pairings
from saesim_pl.comparison.nulls import Null
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.comparison.plan import plan_of
from saesim_pl.comparison.progress import Progress, shown
from saesim_pl.comparison.result import Comparison
from saesim_pl.comparison.samples import Batches
from saesim_pl.comparison.statistics import COLUMNS
from saesim_pl.comparison.store import Store
from saesim_pl.comparison.things import Thing, sets_of
from saesim_pl.interop.load_sae import LAST

if TYPE_CHECKING:
    from saesim_pl.data.batches import ActivationDataModule

FORMATS = ("csv", "json", "md", "tex")


def compare(
    *things: Thing,
    metrics: list[str] | dict[str, Metric] | str | None = None,
    pairings: list[str] | dict[str, Pairing] | str | None = None,
    null: Null | dict[str, Null] | None = None,
    n_draws: int = 999,
    seed: int = 0,
    subsets: list[str] | None = None,
    activations: "str | Path | ActivationDataModule | Batches | None" = None,
    latent_metrics: dict[str, Metric] | None = None,
    family: Sequence[str] = ("pair",),
    one_space: bool = False,
    folder: str | Path | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare every two of some feature sets: trained SAEs, true features, matrices.

    Each score comes with its null, for which pairs are matched again on every draw.

    Args:
        things: Two or more of: ``RUN:a`` for an SAE of a run's folder or checkpoint, ``RUN`` for all of them,
            ``RUN:truth`` for the true features that it saved, ``w.npy:rows``, ``w.safetensors:KEY:columns``
            for a matrix whose rows or columns are features; ``name=`` in front gives a name. In Python also
            feature sets, SAEs and tensors, whose rows are features.
        metrics: Names of default metrics, or any torchmetrics Metric by name. By default all that suit a
            pair.
        pairings: Names such as ``unpaired``, ``argmax``, ``mutual``, ``hungarian``, ``hungarian_top_100``,
            ``correlation_mutual``, or pairings by name. By default ``hungarian``, or by correlation where the
            spaces differ and both sides have latents.
        null: One null for all metrics, or one by name of a metric; the others have their default.
        n_draws: Draws of default nulls; the least p-value is 1 / (n_draws + 1).
        seed: Of default nulls.
        subsets: Groups of rows to compare; by default all, and the shared and unshared ones where they are
            known. True features have also ``cluster_0``, ...
        activations: For pairings by correlation and latent metrics: folder of a cache or of a run; in Python
            also a data module, or batches of raw activations by stream. By default the data of the runs.
        latent_metrics: Metrics by name of the latents themselves, over the samples; they must keep sums.
        family: Columns in which rows of one family may differ, for ``p_family``: pair, subset, pairing,
            measure.
        one_space: Say that cosines mean something although nothing tells that the spaces are one.
        folder: Where tables go, and scores of draws, with which a comparison that was killed goes on.
        progress: Whether to show on the terminal how much is done and how long the rest will take.

    Returns:
        The rows.

    Raises:
        FileNotFoundError: A run, a checkpoint or a file is missing.
        TypeError: A thing cannot be compared, or a metric is not a torchmetrics Metric.
        ValueError: Sides do not go together, a null is unsuited, or an option is out of range.
    """
    _check(family, folder)
    asked_metrics, asked_pairings = named_metrics(metrics), named_pairings(pairings)
    check_latent_metrics(latent_metrics or {})
    sets = sets_of(things)
    planned = [
        (a, b, plan_of(a, b, asked_metrics, asked_pairings, one_space)) for a, b in combinations(sets, 2)
    ]
    asked = Asked(null, n_draws, seed, _subsets(sets, subsets), one_space, asked_metrics is not None)
    asked.check(planned)
    sums = sums_of(planned, shifts := shifts_of(null, n_draws), activations, bool(latent_metrics), progress)
    pairs = [(asked.pair(a, b, sums.get((a.name, b.name))), plan) for a, b, plan in planned]
    bar = Progress(asked.work(pairs))
    others = latent_rows(sums, latent_metrics or {}, shifts)
    with shown(bar, "comparing", progress):
        store = None if folder is None else Store(Path(folder) / ".draws")
        rows = rows_of(asked.comparisons(pairs, store, bar), others, family=tuple(family))
    result = Comparison(rows, [plan.note for _, _, plan in planned if plan.note])
    if folder is not None:
        write_rows(result, Path(folder) / "comparison", FORMATS)
    return result


def _check(family: Sequence[str], folder: str | Path | None) -> None:
    if unknown := [column for column in family if column not in COLUMNS]:
        raise ValueError(f"family: there is no column {unknown[0]!r}, only {', '.join(COLUMNS)}")
    for above in (Path(folder).resolve(), *Path(folder).resolve().parents) if folder is not None else ():
        if (above / LAST).is_file():
            raise ValueError(f"folder {folder} lies in the training run {above}: name another")
    if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
        raise ValueError(f"folder {folder} is a file")


def _subsets(sets: Sequence[FeatureSet], asked: list[str] | None) -> list[str]:
    if asked is None:
        return ["all", "shared", "unshared"]
    known = sorted({group for one in sets for group in one.groups})
    for subset in asked:
        if subset not in ("all", *known):
            raise ValueError(f"subsets: there is no group {subset!r}, only {', '.join(['all', *known])}")
    return asked
