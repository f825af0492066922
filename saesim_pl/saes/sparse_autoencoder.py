"""Base class of all sparse autoencoders."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from saesim_pl.checks import check_counts
from saesim_pl.saes.output import SAEOutput


class SparseAutoencoder(nn.Module, ABC):
    """Base class; weights are named and oriented as in SAELens: ``x_hat = encode(x) @ W_dec + b_dec``.

    Initial decoder rows are drawn uniformly from the unit sphere; ``W_enc`` is the transpose, biases are 0.

    Args:
        d_in: Width of the activations.
        d_sae: Number of latents.
    """

    W_enc: Float[Tensor, "d_in d_sae"]
    b_enc: Float[Tensor, " d_sae"]
    W_dec: Float[Tensor, "d_sae d_in"]
    b_dec: Float[Tensor, " d_in"]

    def __init__(self, d_in: int, d_sae: int) -> None:
        super().__init__()
        check_counts(d_in=d_in, d_sae=d_sae)
        self.W_dec = nn.Parameter(nn.functional.normalize(torch.randn(d_sae, d_in), dim=1))
        self.b_dec = nn.Parameter(torch.zeros(d_in))
        self._make_encoder()

    def _make_encoder(self) -> None:
        self.W_enc = nn.Parameter(self.W_dec.detach().T.clone(memory_format=torch.contiguous_format))
        self.b_enc = nn.Parameter(torch.zeros(self.d_sae))

    @property
    def d_in(self) -> int:
        """Width of the activations."""
        return self.W_dec.shape[1]

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.W_dec.shape[0]

    @property
    def dictionary(self) -> Float[Tensor, "d_sae d_in"]:
        """Decoder rows, detached, for similarity measures."""
        return self.W_dec.detach()

    @abstractmethod
    def encode(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_sae"]:
        """Latents of ``x``, at least 0; each row is encoded independently of the other rows."""

    def decode(self, latents: Float[Tensor, "batch d_sae"]) -> Float[Tensor, "batch d_in"]:
        """Reconstruction from ``latents``."""
        return torch.addmm(self.b_dec, latents, self.W_dec)

    @abstractmethod
    def loss(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Training loss and the values computed with it."""

    def forward(self, x: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_in"]:
        """Reconstruction of ``x``."""
        return self.decode(self.encode(x))

    @torch.no_grad()
    def start_from(self, norm: float, centre: Float[Tensor, " d_in"]) -> None:
        """Set the initial norm of the weights, and center the SAE on a point; call it before training.

        Args:
            norm: Norm of each decoder row and each encoder column.
            centre: Becomes ``b_dec``; ``b_enc`` is set such that the encoder sees ``x - b_dec``.
        """
        self.W_dec *= norm
        self.W_enc *= norm
        self.b_dec.copy_(centre)
        self.b_enc.copy_(-centre @ self.W_enc)

    def new_latents(
        self, directions: Float[Tensor, "n d_in"], size: Float[Tensor, ""]
    ) -> dict[str, Float[Tensor, "n ..."]]:
        """Initial weights for latents that are reset, by parameter name; the first dimension is the latent.

        A subclass adds its further parameters per latent.

        Args:
            directions: Unit decoder rows. Encoder columns are multiples of them and see ``x - b_dec``.
            size: Norm of the encoder columns.
        """
        encoder = size * directions
        return {"W_dec": directions, "W_enc": encoder, "b_enc": -encoder @ self.b_dec}

    @torch.no_grad()
    def fold_decoder_norms(self) -> None:
        """Divide decoder rows by their norms and multiply latents by them; reconstructions do not change.

        Use it for SAEs whose penalty is weighted by these norms, before latents are read as magnitudes. A
        row of zeros stays a row of zeros.

        Raises:
            TypeError: Latents compete with each other, so that rescaling would select other latents.
        """
        norms = self.dictionary.norm(dim=1)
        norms = torch.where(norms > 0, norms, 1)
        self._scale_latents(norms)
        self.W_dec /= norms[:, None]

    @torch.no_grad()
    def fold_normalization(self, shift: Float[Tensor, " d_in"], scale: Float[Tensor, " d_in"]) -> None:
        """Let an SAE that was trained on ``(x - shift) / scale`` read and reconstruct ``x``.

        Latents do not change. Use it for export, not before further training: the loss is measured in the
        units of ``x`` afterward.

        Args:
            shift: Vector that was subtracted from activations in training.
            scale: Divisor of each dimension in training.

        Raises:
            TypeError: The SAE encodes with its decoder, and ``scale`` differs between dimensions.
            ValueError: A width other than ``d_in``, or a scale that is not positive.
        """
        for name, numbers in {"shift": shift, "scale": scale}.items():
            if numbers.shape != (self.d_in,):
                raise ValueError(f"{name} must have the shape ({self.d_in},), got {tuple(numbers.shape)}")
        if not (scale > 0).all():
            raise ValueError(f"scale must be positive, got {scale.min().item():.3g}")
        shift, scale = shift.to(self.b_dec), scale.to(self.b_dec)
        self._fold_into_encoder(shift, scale)
        self.W_dec *= scale
        self.b_dec.mul_(scale).add_(shift)

    def _fold_into_encoder(self, shift: Float[Tensor, " d_in"], scale: Float[Tensor, " d_in"]) -> None:
        """Change the encoder so that ``x`` gets the latents that ``(x - shift) / scale`` had before."""
        self.W_enc /= scale[:, None]
        self.b_enc -= shift @ self.W_enc

    def _scale_latents(self, factors: Float[Tensor, " d_sae"]) -> None:
        """Multiply the latents by ``factors``."""
        self.W_enc *= factors
        self.b_enc *= factors

    def _error_only(self, x: Float[Tensor, "batch d_in"]) -> SAEOutput:
        """Squared error of the reconstruction in inference."""
        latents = self.encode(x)
        x_hat = self.decode(latents)
        mse = (x_hat - x).square().sum() / len(x)
        return SAEOutput(x_hat.detach(), mse, {"mse": mse.detach()}, latents.detach().sum(0), latents.detach)
