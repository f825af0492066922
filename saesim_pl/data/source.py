"""The one typed door through which callbacks and models reach a run's data."""

from typing import Protocol, cast, runtime_checkable

from lightning.pytorch import Trainer

from saesim_pl.data.batches import ActivationDataModule, Stage
from saesim_pl.truth.firings import Firings
from saesim_pl.truth.true_features import TrueFeatures


class Truth(Protocol):
    """Data with known true features. Loading a checkpoint may still change ``served_features``."""

    knows_firings: bool
    """Whether there is a method ``firings``."""

    @property
    def served_features(self) -> dict[str, TrueFeatures]:
        """By stream, the directions that generated its rows, in normalized space."""

    def firings(self, stage: Stage, epoch: int, index: int, rows: slice) -> dict[str, Firings]:
        """By stream, the features that fired in rows ``rows`` of global batch ``index``, by id."""


@runtime_checkable
class Text(Protocol):
    """Data module that serves contexts of tokens."""

    context_size: int
    """Tokens of a context."""

    text: str
    """Source of the tokens."""


def known_activations(trainer: Trainer) -> ActivationDataModule | None:
    """The run's data module; None if batches have another source, such as plain dataloaders."""
    data = _data_module(trainer)
    return data if isinstance(data, ActivationDataModule) else None


def activations_of(trainer: Trainer, asker: str) -> ActivationDataModule:
    """The run's data module, which ``asker`` needs; call it in ``setup``.

    Raises:
        TypeError: The run has no ``ActivationDataModule``.
    """
    data = known_activations(trainer)
    if data is None:
        raise TypeError(
            f"{asker} needs activations from a data module of saesim_pl.data; got {_seen(trainer)}"
        )
    return data


def truth_of(trainer: Trainer, asker: str) -> Truth:
    """The true features of the run's data, which ``asker`` needs.

    Raises:
        TypeError: The run has no ``ActivationDataModule``.
        ValueError: Its true features are not known.
    """
    data = activations_of(trainer, asker)
    if data.true_features is None:
        raise ValueError(f"{asker} needs data with true_features; {type(data).__name__} has none")
    return cast(Truth, data)  # served_features is None only where true_features is


def text_of(trainer: Trainer, asker: str) -> Text:
    """The run's text data module, which ``asker`` needs; call it in ``setup``.

    Raises:
        TypeError: The run has no data module with ``context_size`` and ``text``.
    """
    data = _data_module(trainer)
    if not isinstance(data, Text):
        raise TypeError(
            f"{asker} needs a data module with context_size and text, such as TextContexts; "
            f"got {_seen(trainer)}"
        )
    return data


def _data_module(trainer: Trainer) -> object:
    return getattr(trainer, "datamodule", None)  # an attribute that Lightning's Trainer does not declare


def _seen(trainer: Trainer) -> str:
    data = _data_module(trainer)
    return "plain dataloaders" if data is None else type(data).__name__
