"""Numbers, texts and plain data."""

import typing
from typing import Any

from saesim_pl.cli.messages import UsageError, meant, shown
from saesim_pl.cli.settings import Settings


def wrong(origin: str, key: str, message: str) -> UsageError:
    """The error that tells where the mistake stands."""
    return UsageError(f"{origin}: {message}" if origin.startswith("--") else f"{origin}: {key}: {message}")


def leaf(value: Any, hint: Any, key: str, origin: str) -> Any:
    """``value`` if it is of the simple type ``hint``.

    Raises:
        UsageError: It is not, or NaN.
    """
    if hint is None or hint is type(None):
        if value is None:
            return None
        raise wrong(origin, key, f"must be null, got {shown(value)}")
    if typing.get_origin(hint) is typing.Literal:
        for choice in typing.get_args(hint):
            if type(choice) is type(value) and choice == value:
                return value
        choices = typing.get_args(hint)
        close = meant(value, choices) if isinstance(value, str) else ""
        raise wrong(origin, key, f"must be {' or '.join(map(repr, choices))}, got {shown(value)}{close}")
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        raise wrong(origin, key, f"must be {called(hint)}, got {shown(value)}")
    if value != value:
        raise wrong(origin, key, "must be a number, got nan")
    return value


def called(hint: Any) -> str:
    """How a message calls values of a type."""
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    if hint is None or hint is type(None):
        return "null"
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(hint)))
    return names.get(hint, getattr(hint, "__name__", str(hint)).lower())


def data(value: Any, key: str, origin: str) -> Any:
    """Plain data, of which nothing is made.

    Raises:
        UsageError: It names a class, or is NaN.
    """
    if isinstance(value, Settings):
        if "class_path" in value:
            raise wrong(value.origins["class_path"], key, f"takes no class, got {shown(value['class_path'])}")
        return {name: data(item, f"{key}.{name}", value.origins[name]) for name, item in value.items()}
    if isinstance(value, list):
        return [data(item, f"{key}[{i}]", origin) for i, item in enumerate(value)]
    if isinstance(value, float) and value != value:
        raise wrong(origin, key, "must be a number, got nan")
    return value


def bare(hint: Any) -> Any:
    """A type without its annotations."""
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    return getattr(hint, "__supertype__", hint)


def is_own_class(hint: Any) -> bool:
    """Whether values of this type are objects made of a class path; paths and times are written as text."""
    return isinstance(hint, type) and hint.__module__.split(".")[0] not in ("builtins", "pathlib", "datetime")


def takes_none(hint: Any) -> bool:
    """Whether null is a value of a type."""
    return hint is Any or hint is None or type(None) in typing.get_args(hint)
