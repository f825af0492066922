"""Metrics and pairings by the short names of the command line."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from torchmetrics import Metric

from saesim_pl.comparison.defaults import default_metrics
from saesim_pl.comparison.pairing import CorrelationPairing, CosinePairing, Pairing, Unpaired
from saesim_pl.functional.pairing.matching import MatchingMethod

Value = TypeVar("Value")

_METHODS: tuple[MatchingMethod, ...] = ("argmax", "mutual", "hungarian")


def named_metrics(
    asked: str | Sequence[str] | Mapping[str, Metric] | None,
) -> dict[str, Metric] | None:
    """Metrics by name; the name of a default metric gives this metric. None stays None.

    Raises:
        TypeError: A value is no Metric.
        ValueError: A name is unknown, or no name is given.
    """
    if asked is None or isinstance(asked, Mapping):
        return None if asked is None else dict(asked)
    known = default_metrics()
    return {name: _known(name, known, "metrics", "metric") for name in _words(asked, "metrics")}


def named_pairings(
    asked: str | Sequence[str] | Mapping[str, Pairing] | None,
) -> dict[str, Pairing] | None:
    """Pairings by name: ``unpaired``; by cosine ``argmax``, ``mutual``, ``hungarian``; by correlation
    ``correlation_mutual`` and so on; with ``_top_100`` behind, the best 100 pairs. None stays None.

    Raises:
        ValueError: A name is unknown, or no name is given.
    """  # noqa: D205 - the first sentence needs two lines
    if asked is None or isinstance(asked, Mapping):
        return None if asked is None else dict(asked)
    return {name: _pairing(name) for name in _words(asked, "pairings")}


def _pairing(name: str) -> Pairing:
    found = re.fullmatch(r"(?P<name>\w+?)(?:_top_(?P<top>\d+))?", name)
    top = int(found["top"]) if found and found["top"] else None
    known: dict[str, Pairing] = {method: CosinePairing(method, top) for method in _METHODS}
    known |= {f"correlation_{method}": CorrelationPairing(method, top) for method in _METHODS}
    if top is None:
        known["unpaired"] = Unpaired()
    return _known(found["name"] if found else name, known, "pairings", "pairing")


def _known(name: str, known: Mapping[str, Value], option: str, kind: str) -> Value:
    if name not in known:
        raise ValueError(f"{option}: there is no {kind} {name!r}; there is {', '.join(known)}")
    return known[name]


def _words(asked: str | Sequence[str], option: str) -> list[str]:
    if isinstance(asked, str) and asked.lstrip().startswith("{"):
        raise ValueError(f"{option}: {asked} gives not each name a {option.title()[:-1]}")
    words = re.split(r"[\s,]+", asked.strip("[] ,")) if isinstance(asked, str) else list(asked)
    if not all(words) or not words:
        raise ValueError(f"{option} is empty: name at least one")
    return words
