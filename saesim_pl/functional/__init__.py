"""Similarity and quality measures: pure functions of tensors, one formula a file."""

from saesim_pl.functional.dictionaries.concentricity_difference import concentricity_difference
from saesim_pl.functional.dictionaries.fraction_recovered import fraction_recovered
from saesim_pl.functional.dictionaries.fraction_shared import fraction_shared
from saesim_pl.functional.dictionaries.magnitude_difference import magnitude_difference
from saesim_pl.functional.dictionaries.matched_cosine_similarity import matched_cosine_similarity
from saesim_pl.functional.dictionaries.mcc import mcc, pw_mcc
from saesim_pl.functional.dictionaries.mean_max_cosine_similarity import mean_max_cosine_similarity
from saesim_pl.functional.dictionaries.singular_value_distance import singular_value_distance
from saesim_pl.functional.dictionaries.uniformity_difference import uniformity_difference
from saesim_pl.functional.dictionaries.uniqueness import uniqueness
from saesim_pl.functional.geometry.aligned_cosine_similarity import aligned_cosine_similarity
from saesim_pl.functional.geometry.distance_correlation import distance_correlation
from saesim_pl.functional.geometry.permutation_procrustes_distance import permutation_procrustes_distance
from saesim_pl.functional.geometry.procrustes_distance import procrustes_distance
from saesim_pl.functional.geometry.representational_similarity import representational_similarity
from saesim_pl.functional.geometry.rsm_norm_difference import rsm_norm_difference
from saesim_pl.functional.ground.similarity_warning import SimilarityWarning
from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_similarity
from saesim_pl.functional.neighbors.joint_rank_jaccard import joint_rank_jaccard
from saesim_pl.functional.neighbors.mutual_knn import mutual_knn
from saesim_pl.functional.neighbors.nearest_neighbours import nearest_neighbours
from saesim_pl.functional.neighbors.neighbor_sets import neighbour_overlap, permute_neighbours
from saesim_pl.functional.neighbors.rank_similarity import rank_similarity
from saesim_pl.functional.neighbors.second_order_cosine_similarity import second_order_cosine_similarity
from saesim_pl.functional.nulls.bootstrap_interval import bootstrap_interval
from saesim_pl.functional.nulls.bootstrap_of_scores import bootstrap_of_scores
from saesim_pl.functional.nulls.chance import (
    expected_jaccard,
    expected_joint_rank_jaccard,
    expected_max_cosine,
    expected_rank_similarity,
)
from saesim_pl.functional.nulls.comparison import Comparison
from saesim_pl.functional.nulls.gaussian_null import gaussian_null
from saesim_pl.functional.nulls.interval import Interval
from saesim_pl.functional.nulls.permutation_null import permutation_null
from saesim_pl.functional.nulls.subset_null import subset_null
from saesim_pl.functional.pairing.activation_correlation import activation_correlation
from saesim_pl.functional.pairing.matched_score import matched_score
from saesim_pl.functional.pairing.matching import Matching, match_by_correlation, match_by_cosine
from saesim_pl.functional.pairing.scores import Scores
from saesim_pl.functional.quality.firing_agreement import firing_agreement
from saesim_pl.functional.quality.firing_frequency import firing_frequency
from saesim_pl.functional.quality.fraction_variance_unexplained import fraction_variance_unexplained
from saesim_pl.functional.quality.reconstruction_cosine import reconstruction_cosine
from saesim_pl.functional.quality.relative_reconstruction_bias import relative_reconstruction_bias
from saesim_pl.functional.subspaces.bures_similarity import bures_similarity
from saesim_pl.functional.subspaces.correlation_match import correlation_match
from saesim_pl.functional.subspaces.eigenspace_overlap import eigenspace_overlap
from saesim_pl.functional.subspaces.gulp_distance import gulp_distance
from saesim_pl.functional.subspaces.linear_cka import linear_cka
from saesim_pl.functional.subspaces.linear_regression_r2 import linear_regression_r2
from saesim_pl.functional.subspaces.mean_cca import mean_cca
from saesim_pl.functional.subspaces.pwcca import pwcca
from saesim_pl.functional.subspaces.rbf_cka import rbf_cka
from saesim_pl.functional.subspaces.svcca import SVCCAScore, svcca, svcca_components

__all__ = [
    "Comparison",
    "Interval",
    "Matching",
    "SVCCAScore",
    "Scores",
    "SimilarityWarning",
    "activation_correlation",
    "aligned_cosine_similarity",
    "bootstrap_interval",
    "bootstrap_of_scores",
    "bures_similarity",
    "concentricity_difference",
    "correlation_match",
    "distance_correlation",
    "eigenspace_overlap",
    "expected_jaccard",
    "expected_joint_rank_jaccard",
    "expected_max_cosine",
    "expected_rank_similarity",
    "firing_agreement",
    "firing_frequency",
    "fraction_recovered",
    "fraction_shared",
    "fraction_variance_unexplained",
    "gaussian_null",
    "gulp_distance",
    "jaccard_similarity",
    "joint_rank_jaccard",
    "linear_cka",
    "linear_regression_r2",
    "magnitude_difference",
    "match_by_correlation",
    "match_by_cosine",
    "matched_cosine_similarity",
    "matched_score",
    "mcc",
    "mean_cca",
    "mean_max_cosine_similarity",
    "mutual_knn",
    "nearest_neighbours",
    "neighbour_overlap",
    "permutation_null",
    "permutation_procrustes_distance",
    "permute_neighbours",
    "procrustes_distance",
    "pw_mcc",
    "pwcca",
    "rank_similarity",
    "rbf_cka",
    "reconstruction_cosine",
    "relative_reconstruction_bias",
    "representational_similarity",
    "rsm_norm_difference",
    "second_order_cosine_similarity",
    "singular_value_distance",
    "subset_null",
    "svcca",
    "svcca_components",
    "uniformity_difference",
    "uniqueness",
]
