"""Sparse autoencoder architectures, one paper a file."""

from saesim_pl.saes.batch_top_k import BatchTopKSAE
from saesim_pl.saes.gated import GatedSAE
from saesim_pl.saes.jump_relu import JumpReLUSAE
from saesim_pl.saes.matching_pursuit import MatchingPursuitSAE
from saesim_pl.saes.matryoshka import MatryoshkaSAE
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.p_anneal import PAnnealSAE
from saesim_pl.saes.sparse_autoencoder import SparseAutoencoder
from saesim_pl.saes.standard import StandardSAE
from saesim_pl.saes.top_k import TopKSAE

__all__ = [
    "BatchTopKSAE",
    "GatedSAE",
    "JumpReLUSAE",
    "MatchingPursuitSAE",
    "MatryoshkaSAE",
    "PAnnealSAE",
    "SAEOutput",
    "SparseAutoencoder",
    "StandardSAE",
    "TopKSAE",
]
