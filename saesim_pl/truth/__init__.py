"""Ground truth: the features' directions, firing rates, magnitudes and dependences."""

from saesim_pl.truth.copula import GaussianCopula
from saesim_pl.truth.correlated_rates import CorrelatedRates
from saesim_pl.truth.correlation import (
    Correlation,
    GivenCorrelation,
    LowRankCorrelation,
    UniformCorrelation,
    WishartCorrelation,
)
from saesim_pl.truth.dependence import Dependence, Independent
from saesim_pl.truth.directions import (
    AntipodalDirections,
    CircleDirections,
    ClusteredDirections,
    Directions,
    NearOrthogonalDirections,
    UniformDirections,
)
from saesim_pl.truth.firings import Firings
from saesim_pl.truth.groups import FixedNumber, OneOfGroup
from saesim_pl.truth.hierarchy import Hierarchy, Trees
from saesim_pl.truth.magnitudes import (
    ConstantMagnitudes,
    ExponentialMagnitudes,
    Magnitudes,
    UniformMagnitudes,
)
from saesim_pl.truth.normal_magnitudes import FoldedNormalMagnitudes, LogNormalMagnitudes
from saesim_pl.truth.rates import (
    ConstantRates,
    ExponentialRates,
    LinearRates,
    Rates,
    SharkeyRates,
    ZipfRates,
)
from saesim_pl.truth.true_features import TrueFeatures

__all__ = [
    "AntipodalDirections",
    "CircleDirections",
    "ClusteredDirections",
    "ConstantMagnitudes",
    "ConstantRates",
    "CorrelatedRates",
    "Correlation",
    "Dependence",
    "Directions",
    "ExponentialMagnitudes",
    "ExponentialRates",
    "Firings",
    "FixedNumber",
    "FoldedNormalMagnitudes",
    "GaussianCopula",
    "GivenCorrelation",
    "Hierarchy",
    "Independent",
    "LinearRates",
    "LogNormalMagnitudes",
    "LowRankCorrelation",
    "Magnitudes",
    "NearOrthogonalDirections",
    "OneOfGroup",
    "Rates",
    "SharkeyRates",
    "Trees",
    "TrueFeatures",
    "UniformCorrelation",
    "UniformDirections",
    "UniformMagnitudes",
    "WishartCorrelation",
    "ZipfRates",
]
