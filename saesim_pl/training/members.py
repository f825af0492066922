"""How the members of a cohort are made, and which stream each reads."""

from collections.abc import Callable

from saesim_pl.saes import SparseAutoencoder


def made(name: str, make: Callable[[int], SparseAutoencoder], d_in: int) -> SparseAutoencoder:
    """The SAE that ``make`` makes.

    Raises:
        TypeError: It makes something else, or refuses its arguments; with the SAE's name.
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
