"""What each measure is blind to: declared here once, checked by the tests, shown in the documentation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from saesim_pl.functional.dictionaries.concentricity_difference import concentricity_difference
from saesim_pl.functional.dictionaries.fraction_recovered import fraction_recovered
from saesim_pl.functional.dictionaries.magnitude_difference import magnitude_difference
from saesim_pl.functional.dictionaries.matched_cosine_similarity import matched_cosine_similarity
from saesim_pl.functional.dictionaries.mcc import mcc
from saesim_pl.functional.dictionaries.mean_max_cosine_similarity import mean_max_cosine_similarity
from saesim_pl.functional.dictionaries.singular_value_distance import singular_value_distance
from saesim_pl.functional.dictionaries.uniformity_difference import uniformity_difference
from saesim_pl.functional.geometry.aligned_cosine_similarity import aligned_cosine_similarity
from saesim_pl.functional.geometry.distance_correlation import distance_correlation
from saesim_pl.functional.geometry.permutation_procrustes_distance import permutation_procrustes_distance
from saesim_pl.functional.geometry.procrustes_distance import procrustes_distance
from saesim_pl.functional.geometry.representational_similarity import representational_similarity
from saesim_pl.functional.geometry.rsm_norm_difference import rsm_norm_difference
from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_similarity
from saesim_pl.functional.neighbors.joint_rank_jaccard import joint_rank_jaccard
from saesim_pl.functional.neighbors.mutual_knn import mutual_knn
from saesim_pl.functional.neighbors.rank_similarity import rank_similarity
from saesim_pl.functional.neighbors.second_order_cosine_similarity import second_order_cosine_similarity
from saesim_pl.functional.subspaces.bures_similarity import bures_similarity
from saesim_pl.functional.subspaces.correlation_match import correlation_match
from saesim_pl.functional.subspaces.eigenspace_overlap import eigenspace_overlap
from saesim_pl.functional.subspaces.gulp_distance import gulp_distance
from saesim_pl.functional.subspaces.linear_cka import linear_cka
from saesim_pl.functional.subspaces.linear_regression_r2 import linear_regression_r2
from saesim_pl.functional.subspaces.mean_cca import mean_cca
from saesim_pl.functional.subspaces.pwcca import pwcca
from saesim_pl.functional.subspaces.rbf_cka import rbf_cka
from saesim_pl.functional.subspaces.svcca import svcca

# What may happen to one side while the other stays. All but the last keep its rows in their places.
TRANSFORMATIONS = {
    "orthogonal": "rotating its space",
    "column_permutation": "reordering its columns",
    "isotropic_scale": "multiplying it by one positive number",
    "translation": "adding one row to all its rows",
    "invertible_linear": "multiplying it by any invertible matrix",
    "row_permutation": "reordering its rows, which undoes the pairing",
}


@dataclass(frozen=True)
class Invariance:
    """A measure, with options, and the transformations that leave its value alone.

    Each declared transformation may be applied to either side alone. What is not declared moves the
    value, so a measure not invariant to ``row_permutation`` depends on the pairing.

    Attributes:
        measure: The function.
        to: Names from :data:`TRANSFORMATIONS`, separated by spaces.
        options: Keyword arguments of the measure; one declaration for each that changes what holds.
        sides: The sides that may be transformed: both, or only one where the measure is directed.
        one_space: Whether the rows of both sides must live in one space, and so have one width.
    """

    measure: Callable[..., Tensor]
    to: str
    options: Mapping[str, Any] = field(default_factory=dict)
    sides: str = "ab"
    one_space: bool = False

    def __post_init__(self) -> None:
        unknown = self.transformations - TRANSFORMATIONS.keys()
        if unknown:
            raise ValueError(f"unknown transformations: {sorted(unknown)}")

    @property
    def name(self) -> str:
        """The measure as one would call it, and the side where only one is meant."""
        options = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
        name = self.measure.__name__ + (f"({options})" if options else "")
        return name if self.sides == "ab" else f"{name}, side {self.sides}"

    @property
    def transformations(self) -> frozenset[str]:
        """:attr:`to` as a set."""
        return frozenset(self.to.split())


_SHAPE = "orthogonal column_permutation"
_SIMILAR = f"{_SHAPE} isotropic_scale translation"
_LINEAR = f"{_SIMILAR} invertible_linear"
_DIRECTIONS = "isotropic_scale row_permutation"
_NEIGHBOURS = (jaccard_similarity, mutual_knn, rank_similarity, joint_rank_jaccard)

INVARIANCES: tuple[Invariance, ...] = (
    Invariance(mean_cca, _LINEAR),
    Invariance(svcca, _LINEAR, {"variance_share": 1.0}),
    Invariance(svcca, _SIMILAR, {"variance_share": 0.8}),
    Invariance(pwcca, "column_permutation isotropic_scale translation", sides="a"),
    Invariance(pwcca, _LINEAR, sides="b"),
    Invariance(linear_cka, _SIMILAR),
    Invariance(linear_cka, _SIMILAR, {"estimator": "debiased"}),
    Invariance(rbf_cka, _SIMILAR),
    Invariance(representational_similarity, f"{_SHAPE} isotropic_scale", {"dissimilarity": "cosine"}),
    Invariance(
        representational_similarity, "column_permutation isotropic_scale", {"dissimilarity": "correlation"}
    ),
    Invariance(representational_similarity, _SIMILAR, {"dissimilarity": "euclidean"}),
    Invariance(
        representational_similarity,
        f"{_SHAPE} translation",
        {"dissimilarity": "euclidean", "comparison": "l2"},
    ),
    Invariance(distance_correlation, _SIMILAR),
    Invariance(rsm_norm_difference, f"{_SHAPE} translation"),
    Invariance(procrustes_distance, _SIMILAR),
    Invariance(procrustes_distance, f"{_SHAPE} translation", {"form": "distance"}),
    Invariance(procrustes_distance, f"{_SHAPE} isotropic_scale", {"form": "angular", "center": False}),
    Invariance(procrustes_distance, _LINEAR, {"form": "angular", "alpha": 0.0}),
    Invariance(bures_similarity, _SIMILAR),
    Invariance(permutation_procrustes_distance, "column_permutation isotropic_scale translation"),
    Invariance(permutation_procrustes_distance, "column_permutation translation", {"form": "distance"}),
    Invariance(aligned_cosine_similarity, f"{_SHAPE} isotropic_scale"),
    Invariance(aligned_cosine_similarity, "column_permutation isotropic_scale", {"alignment": "permutation"}),
    Invariance(correlation_match, "column_permutation isotropic_scale translation"),
    Invariance(linear_regression_r2, _LINEAR, sides="a"),
    Invariance(linear_regression_r2, _SIMILAR, sides="b"),
    Invariance(eigenspace_overlap, f"{_SHAPE} isotropic_scale invertible_linear"),
    Invariance(gulp_distance, _LINEAR),
    Invariance(gulp_distance, _SIMILAR, {"regularization": 0.1}),
    *(Invariance(measure, f"{_SHAPE} isotropic_scale") for measure in _NEIGHBOURS),
    *(Invariance(measure, _SIMILAR, {"metric": "euclidean"}) for measure in _NEIGHBOURS),
    Invariance(second_order_cosine_similarity, f"{_SHAPE} isotropic_scale"),
    Invariance(mean_max_cosine_similarity, _DIRECTIONS, one_space=True),
    *(
        Invariance(matched_cosine_similarity, _DIRECTIONS, {"method": method}, one_space=True)
        for method in ("hungarian", "argmax", "mutual")
    ),
    Invariance(mcc, _DIRECTIONS, one_space=True),
    Invariance(fraction_recovered, _DIRECTIONS, {"threshold": 0.8}, one_space=True),
    Invariance(singular_value_distance, f"{_SHAPE} isotropic_scale row_permutation"),
    Invariance(singular_value_distance, f"{_SHAPE} row_permutation", {"normalize": "none"}),
    Invariance(magnitude_difference, f"{_SHAPE} row_permutation"),
    Invariance(uniformity_difference, f"{_SHAPE} translation row_permutation"),
    Invariance(concentricity_difference, f"{_SHAPE} isotropic_scale row_permutation"),
)


def invariance_table() -> str:
    """The declarations as a Markdown table."""
    lines = ["| measure | " + " | ".join(name.replace("_", " ") for name in TRANSFORMATIONS) + " |"]
    lines.append("|---" * (len(TRANSFORMATIONS) + 1) + "|")
    for invariance in INVARIANCES:
        marks = ("yes" if name in invariance.transformations else "" for name in TRANSFORMATIONS)
        lines.append(f"| `{invariance.name}` | " + " | ".join(marks) + " |")
    return "\n".join(lines) + "\n"


def invariances_page() -> str:
    """The page INVARIANCES.md: what the transformations are, and the table."""
    meanings = "".join(f"- **{name.replace('_', ' ')}**: {what}\n" for name, what in TRANSFORMATIONS.items())
    return (
        "# What each measure is blind to\n\n"
        "*yes*: the transformation of either side alone leaves the value as it is. Empty: it moves it.\n"
        "The tests check both. A measure blind to row permutation does not see the pairing, so\n"
        "`permutation_null` refuses it; `gaussian_null` is its null. Options not shown have their\n"
        "defaults.\n\n"
        f"{meanings}\n{invariance_table()}\n"
        "Generated by `python -m saesim_pl.functional > saesim_pl/functional/INVARIANCES.md`.\n"
    )
