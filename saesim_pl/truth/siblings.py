"""Mutually exclusive features."""

import numpy as np
from jaxtyping import Bool, Float, Int

# Upper bound to which rates are raised.
MOST = 0.99

# The share is the integral of a polynomial: exact for up to twice as many siblings as there are nodes.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


def chosen_share(rates: Float[np.ndarray, " n"], groups: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    r"""Probability that a firing feature is chosen among the firing features of its group, uniformly.

    It is the mean of 1 / (1 + K), where K is the number of other features that fire, independently at
    ``rates``: :math:`\int_0^1 \prod_{j \ne i} (1 - q_j + q_j t) dt`.

    Args:
        rates: q, the rate of each feature.
        groups: Number of each feature's group.
    """
    _, group = np.unique(groups, return_inverse=True)
    share = np.zeros(len(rates))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        logs = np.log1p(-rates * (1 - node))
        share += weight * np.exp(np.bincount(group, logs)[group] - logs)
    return share


def rates_before_choice(
    rates: Float[np.ndarray, " n"], groups: Int[np.ndarray, " n"], where: Bool[np.ndarray, " n"], clip: bool
) -> Float[np.ndarray, " n"]:
    """Rates of independent firings that the choice within groups reduces to ``rates``; 0 outside ``where``.

    Raises:
        ValueError: The rates of a group sum up to more than .99, and ``clip`` is off.
    """
    rates = np.where(where, rates, 0)
    totals = np.bincount(groups, rates)
    if totals.max(initial=0) > MOST and not clip:
        group = totals.argmax()
        raise ValueError(
            f"children of feature {group} exclude each other, but fire {totals[group]:.3g} times as often: "
            "set compensate to clipped or none"
        )
    before, most = np.minimum(rates, MOST), MOST if clip else 1 - 1e-9
    for _ in range(2000):
        last, before = before, np.minimum(rates / chosen_share(before, groups), most)
        if np.abs(before - last).max(initial=0) < 1e-10:
            break
    return before
