"""Sparse autoencoder architectures, one paper a file."""

from saesim_pl.saes.sparse_autoencoder import SAEOutput, SparseAutoencoder
from saesim_pl.saes.standard import StandardSAE

__all__ = ["SAEOutput", "SparseAutoencoder", "StandardSAE"]
