"""Pictures of a comparison of two sides."""

from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from saesim_pl.comparison.pairing import Pairing
from saesim_pl.comparison.sides import Sides

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PAIRS = 128
"""Pairs shown: enough to see a diagonal, few enough for a small file."""


def draw_pair(name: str, sides: Sides, pairing: Pairing, chance: float | None) -> "dict[str, Figure]":
    """Heat map of the scores of the best pairs, and histogram of every row's best score.

    Args:
        name: Such as ``a~b``.
        sides: The two sides, whose matchings are taken over.
        pairing: How rows find partners; by cosine or by correlation.
        chance: Mean of the best scores by chance, where it is known.

    Returns:
        Figures by log name; none where no row has a partner.
    """
    by = pairing.by if pairing.by != "position" else "cosine"
    best, matching = sides.matching(by, "argmax"), pairing.match(sides)
    if not len(best) or not len(matching):
        return {}
    first = matching.score.sort(descending=True, stable=True).indices[:MAX_PAIRS]
    rows = sides.scores(by).rows(matching.index_a[first])[:, matching.index_b[first]]
    plural = {"cosine": "cosines", "correlation": "correlations"}[by]
    return {
        f"{name}/matched_{plural}": heat_map(rows, name, by),
        f"{name}/best_{plural}": histogram(best.score, chance, name, by),
    }


def heat_map(score: Float[Tensor, "n n"], pair: str, unit: str) -> "Figure":
    """Scores of every matched row of the first with every matched row of the second, best pair first."""
    figure = _figure(4.6, 4.0, right=0.9)
    axes = figure.subplots()
    image = axes.imshow(score.float().cpu().numpy(), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    first, second = pair.split("~")
    axes.set(
        title=f"{pair}: {unit} of the {len(score)} best pairs",
        xlabel=f"rows of {second}, in matched order",
        ylabel=f"rows of {first}, best pair first",
    )
    figure.colorbar(image, ax=axes, label=unit)
    return figure


def histogram(best: Float[Tensor, " n"], chance: float | None, pair: str, unit: str) -> "Figure":
    """How well each row of the first is found in the second, with the mean by chance."""
    figure = _figure(4.6, 3.2)
    axes = figure.subplots()
    scores = best.float().cpu()
    axes.hist(scores.numpy(), bins=50, range=(min(0.0, scores.min().item()), 1))
    axes.axvline(scores.mean().item(), color="tab:orange", linestyle="--", label=f"mean {scores.mean():.3f}")
    if chance is not None:
        axes.axvline(chance, color="black", linestyle=":", label=f"mean by chance {chance:.3f}")
    first, second = pair.split("~")
    axes.set(
        title=f"{pair}: best {unit} of each row",
        xlabel=f"best {unit} with any row of {second}",
        ylabel=f"rows of {first} (of {len(best)})",
    )
    axes.legend()
    return figure


def _figure(width: float, height: float, right: float = 0.96) -> "Figure":
    """An empty figure with room for labels: a layout that is solved for takes most of a drawing's time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=80)
    figure.subplots_adjust(left=0.14, right=right, bottom=0.13, top=0.91)
    return figure
