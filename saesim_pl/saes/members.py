"""How the members of a cohort are made, and which stream each reads."""

from collections.abc import Callable, Mapping

from torch import Tensor

from saesim_pl.saes import SparseAutoencoder


def made(name: str, make: Callable[[int], SparseAutoencoder], d_in: int) -> SparseAutoencoder:
    """The SAE that ``make`` returns.

    Raises:
        TypeError: ``make`` returns something else, or refuses its arguments; with the SAE's name.
        ValueError: The SAE refuses a number; with the SAE's name.
    """
    try:
        sae = make(d_in)
    except (TypeError, ValueError) as error:
        raise type(error)(f"SAE {name!r}: {error}") from error
    if not isinstance(sae, SparseAutoencoder):
        raise TypeError(f"SAE {name!r} is a {type(sae).__name__}, which is no SparseAutoencoder")
    return sae


def stream_of(sae: str, reads: dict[str, str], streams: dict[str, int]) -> str:
    """The stream that the SAE named ``sae`` reads.

    Raises:
        ValueError: The data lack it, or nothing says which one it is.
    """
    stream = reads.get(sae, sae if sae in streams else next(iter(streams)) if len(streams) == 1 else None)
    if stream not in streams:
        said = f"reads stream {stream!r}" if stream else "is not told which stream it reads"
        raise ValueError(f"SAE {sae!r} {said}; the data have {', '.join(map(repr, streams))}")
    return stream


def refuse_other_weights(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Refuse a checkpoint's weights that are of other SAEs, or no numbers.

    Raises:
        ValueError: Names or shapes differ, or a weight is NaN or infinite.
    """
    for name in sorted(saved.keys() | own.keys()):
        here, there = (tuple(of[name].shape) if name in of else "missing" for of in (own, saved))
        if here != there:
            raise ValueError(f"{name} is {here} in the configuration and {there} in the checkpoint")
        if saved[name].is_floating_point() and not saved[name].isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity in the checkpoint")
