"""Pictures of a comparison of two dictionaries."""

from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional import match_by_cosine
from saesim_pl.functional.ground.inputs import unit_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pairs shown at the most: beyond this a pixel is no longer a pair.
MAX_PAIRS = 512


def draw_cosines(
    pair: str, a: Float[Tensor, "n d_in"], b: Float[Tensor, "m d_in"], method: str, chance: float
) -> "dict[str, Figure]":
    """Heat map of the matched cosines of ``a~b``, and histogram of the best; none if all rows are dead."""
    matching = match_by_cosine(a, b, method).top(MAX_PAIRS)
    cosine = unit_rows(a[matching.index_a]) @ unit_rows(b[matching.index_b]).T
    best = match_by_cosine(a, b, "argmax").score
    if not len(best):
        return {}
    return {
        f"{pair}/matched_cosines": heat_map(cosine, pair, "cosine"),
        f"{pair}/best_cosines": histogram(best, chance, pair, "cosine"),
    }


def heat_map(score: Float[Tensor, "n n"], pair: str, unit: str) -> "Figure":
    """Scores of every matched row of the first with every matched row of the second, best pair first."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 4.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(score.cpu().numpy(), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    first, second = pair.split("~")
    axes.set(
        title=f"{pair}: {unit} of the {len(score)} best matched rows",
        xlabel=f"rows of {second}, in matched order",
        ylabel=f"rows of {first}, best match first",
    )
    figure.colorbar(image, ax=axes, label=unit)
    return figure


def histogram(best: Float[Tensor, " n"], chance: float, pair: str, unit: str) -> "Figure":
    """How well each row of the first is found in the second, with the mean that chance gives."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.hist(best.cpu().numpy(), bins=50, range=(min(0.0, best.min().item()), 1))
    axes.axvline(best.mean().item(), color="tab:orange", linestyle="--", label=f"mean {best.mean():.3f}")
    axes.axvline(chance, color="black", linestyle=":", label=f"mean by chance {chance:.3f}")
    first, second = pair.split("~")
    axes.set(
        title=f"{pair}: how well rows of {first} are found in {second}",
        xlabel=f"best {unit} with any row of {second}",
        ylabel=f"rows of {first} (of {len(best)})",
    )
    axes.legend()
    return figure
