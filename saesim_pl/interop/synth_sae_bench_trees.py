"""Feature trees as SAELens saves them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saesim_pl.truth.hierarchy import Hierarchy

_FLAGS = ("mutually_exclusive_children", "scale_children_by_parent")


def read_hierarchy(path: Path, content: dict[str, Any], n_features: int) -> Hierarchy | None:
    """The hierarchy in the object that ``path`` holds; None if no feature has a parent.

    A node without a feature only groups its children; their parent is the nearest feature above the node.

    Raises:
        ValueError: A node is malformed, occurs twice, or asks for something unsupported: mutually exclusive
            children if they or their parent are no features, or magnitudes that are scaled by some parents
            only.
    """
    roots = content.get("roots")
    if not isinstance(roots, list):
        raise ValueError(f"{path}: roots must be a list, got {_brief(roots)}")
    parents: dict[int, int] = {}
    exclusive: list[int] = []
    scaling: dict[bool, int] = {}
    waiting = [(root, -1, False) for root in reversed(roots)]
    while waiting:
        given, parent, scaled = waiting.pop()
        node = _Node.of(path, given, n_features)
        if node.feature is not None:
            if node.feature in parents:
                raise ValueError(f"{path}: feature {node.feature} stands at two places, or below itself")
            parents[node.feature] = parent
            if parent >= 0:
                scaling.setdefault(scaled, parent)
            parent = node.feature
        if node.exclusive:
            _check_exclusive(path, node)
            exclusive.append(parent)
        waiting += [(child, parent, node.scales) for child in reversed(node.children)]
    if len(scaling) > 1:
        raise ValueError(
            f"{path}: scale_children_by_parent is on below feature {scaling[True]} and off below feature "
            f"{scaling[False]}; all nodes with children must agree"
        )
    return _hierarchy(parents, exclusive, True in scaling, n_features) if scaling else None


def _hierarchy(
    parents: dict[int, int], exclusive: list[int], scale_children: bool, n_features: int
) -> Hierarchy:
    # Saved probabilities already include any compensation for the hierarchy.
    of_feature = np.full(n_features, -1)
    of_feature[list(parents)] = list(parents.values())
    return Hierarchy(of_feature.tolist(), exclusive, scale_children, "none")


@dataclass(frozen=True)
class _Node:
    feature: int | None
    children: list[Any]
    exclusive: bool
    scales: bool

    @classmethod
    def of(cls, path: Path, given: Any, n_features: int) -> "_Node":
        if not isinstance(given, dict):
            raise ValueError(f"{path}: a node must be an object, got {_brief(given)}")
        feature = given.get("feature_index")
        if feature is not None and (type(feature) is not int or not 0 <= feature < n_features):
            raise ValueError(f"{path}: feature_index {_brief(feature)} is none of the {n_features} features")
        children = given.get("children", [])
        if not isinstance(children, list):
            raise ValueError(f"{path}: children of {_name(feature)} must be a list, got {_brief(children)}")
        for flag in _FLAGS:
            if type(given.get(flag, False)) is not bool:
                raise ValueError(
                    f"{path}: {flag} of {_name(feature)} must be true or false, got {_brief(given[flag])}"
                )
        return cls(feature, children, *(given.get(flag, False) for flag in _FLAGS))


def _check_exclusive(path: Path, node: _Node) -> None:
    if len(node.children) < 2:
        raise ValueError(
            f"{path}: {_name(node.feature)} has {len(node.children)} mutually exclusive children, needs 2"
        )
    organizational = node.feature is None or any(
        isinstance(child, dict) and child.get("feature_index") is None for child in node.children
    )
    if organizational:
        raise ValueError(
            f"{path}: mutually exclusive children of {_name(node.feature)} are not supported, as "
            f"{'it' if node.feature is None else 'one of them'} has no feature_index"
        )


def _name(feature: int | None) -> str:
    return "a node without feature_index" if feature is None else f"feature {feature}"


def _brief(value: Any) -> str:
    # A container may be too long or too deeply nested to be printed.
    return type(value).__name__ if isinstance(value, dict | list) else repr(value)[:60]
