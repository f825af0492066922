"""The functions of ``saesim_pl.functional`` as torchmetrics, under the same file names."""

from saesim_pl.metrics.activation_correlation import ActivationCorrelation
from saesim_pl.metrics.aligned_cosine_similarity import AlignedCosineSimilarity
from saesim_pl.metrics.bures_similarity import BuresSimilarity
from saesim_pl.metrics.concentricity_difference import ConcentricityDifference
from saesim_pl.metrics.correlation_match import CorrelationMatch
from saesim_pl.metrics.distance_correlation import DistanceCorrelation
from saesim_pl.metrics.eigenspace_overlap import EigenspaceOverlap
from saesim_pl.metrics.firing_agreement import FiringAgreement
from saesim_pl.metrics.firing_frequency import FiringFrequency
from saesim_pl.metrics.fraction_recovered import FractionRecovered
from saesim_pl.metrics.fraction_shared import FractionShared
from saesim_pl.metrics.fraction_variance_unexplained import FractionVarianceUnexplained
from saesim_pl.metrics.gulp_distance import GulpDistance
from saesim_pl.metrics.jaccard_similarity import JaccardSimilarity
from saesim_pl.metrics.joint_rank_jaccard import JointRankJaccard
from saesim_pl.metrics.linear_cka import LinearCKA
from saesim_pl.metrics.linear_regression_r2 import LinearRegressionR2
from saesim_pl.metrics.magnitude_difference import MagnitudeDifference
from saesim_pl.metrics.matched_cosine_similarity import MatchedCosineSimilarity
from saesim_pl.metrics.matched_score import MatchedScore
from saesim_pl.metrics.mcc import MCC
from saesim_pl.metrics.mean_cca import MeanCCA
from saesim_pl.metrics.mean_max_cosine_similarity import MeanMaxCosineSimilarity
from saesim_pl.metrics.mutual_knn import MutualKnn
from saesim_pl.metrics.permutation_procrustes_distance import PermutationProcrustesDistance
from saesim_pl.metrics.procrustes_distance import ProcrustesDistance
from saesim_pl.metrics.pwcca import PWCCA
from saesim_pl.metrics.rank_similarity import RankSimilarity
from saesim_pl.metrics.rbf_cka import RBFCKA
from saesim_pl.metrics.representational_similarity import RepresentationalSimilarity
from saesim_pl.metrics.rsm_norm_difference import RSMNormDifference
from saesim_pl.metrics.sae_quality import SAEQuality
from saesim_pl.metrics.second_order_cosine_similarity import SecondOrderCosineSimilarity
from saesim_pl.metrics.singular_value_distance import SingularValueDistance
from saesim_pl.metrics.svcca import SVCCA
from saesim_pl.metrics.uniformity_difference import UniformityDifference
from saesim_pl.metrics.uniqueness import Uniqueness

__all__ = [
    "MCC",
    "PWCCA",
    "RBFCKA",
    "SVCCA",
    "ActivationCorrelation",
    "AlignedCosineSimilarity",
    "BuresSimilarity",
    "ConcentricityDifference",
    "CorrelationMatch",
    "DistanceCorrelation",
    "EigenspaceOverlap",
    "FiringAgreement",
    "FiringFrequency",
    "FractionRecovered",
    "FractionShared",
    "FractionVarianceUnexplained",
    "GulpDistance",
    "JaccardSimilarity",
    "JointRankJaccard",
    "LinearCKA",
    "LinearRegressionR2",
    "MagnitudeDifference",
    "MatchedCosineSimilarity",
    "MatchedScore",
    "MeanCCA",
    "MeanMaxCosineSimilarity",
    "MutualKnn",
    "PermutationProcrustesDistance",
    "ProcrustesDistance",
    "RSMNormDifference",
    "RankSimilarity",
    "RepresentationalSimilarity",
    "SAEQuality",
    "SecondOrderCosineSimilarity",
    "SingularValueDistance",
    "UniformityDifference",
    "Uniqueness",
]
