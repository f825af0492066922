"""Settings as the parser takes them: every class looked at, every value of its type, every key known."""

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

from saesim_pl.cli.class_look import find_class, known_classes
from saesim_pl.cli.leaves import bare, called, data, is_own_class, leaf, takes_none, wrong
from saesim_pl.cli.messages import UsageError, meant, shown
from saesim_pl.cli.options import typed_values
from saesim_pl.cli.settings import Settings, Text, as_class
from saesim_pl.cli.signatures import parameters

_LISTS = (list, tuple, set, collections.abc.Iterable, collections.abc.Sequence, collections.abc.Collection)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_UNIONS = (typing.Union, types.UnionType)


def read(value: Any, hint: Any, key: str, origin: str) -> Any:
    """``value`` as plain data of type ``hint``, with a full class path wherever a class is named.

    Args:
        value: Of a file or an option.
        hint: The type that takes it.
        key: Its key, without ``init_args``.
        origin: ``file:line``, or the option.

    Raises:
        UsageError: It is of another type, NaN, or names what is no class of that type.
    """
    if isinstance(value, Text):
        *others, last = typed_values(value)
        for other in others:
            try:
                return _read(other, hint, key, origin)
            except UsageError:
                continue
        return _read(last, hint, key, origin)
    return _read(value, hint, key, origin)


def read_arguments(
    made: Callable[..., Any],
    given: Settings,
    key: str,
    origin: str,
    skip: int = 0,
    linked: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """``init_args`` and ``dict_kwargs`` of a class or function.

    Args:
        made: Which one.
        given: Arguments by name.
        key: Where they stand.
        origin: Of the class.
        skip: Leading arguments that others give.
        linked: Arguments that others give, by name.

    Raises:
        UsageError: One is unknown, missing, or of another type.
    """
    known, more = parameters(made, skip)
    init, extra = {}, {}
    for name, value in given.items():
        place = f"{key}.{name}" if key else str(name)
        if name in known:
            init[name] = read(value, known[name].hint, place, given.origins[name])
        elif more and name not in given.optional:
            extra[name] = read(value, Any, place, given.origins[name])
        elif name not in given.optional:
            said = f"{made.__name__} takes no {name!r}{meant(name, known.keys() - linked)}"
            raise wrong(given.origins[name], place, said)
    if missing := [name for name, one in known.items() if one.required and name not in init.keys() | linked]:
        raise wrong(origin, key, f"{made.__name__} needs {', '.join(missing)}")
    return {"init_args": init} | ({"dict_kwargs": extra} if extra else {})


def read_class(
    value: Any,
    expected: tuple[type, ...],
    key: str,
    origin: str,
    skip: int = 0,
    linked: frozenset[str] = frozenset(),
    made: bool = True,
) -> dict[str, Any]:
    """The class that ``value`` names, and its arguments if it is to be made; see :func:`read_arguments`."""
    kinds = " or ".join(kind.__name__ for kind in expected)
    spec = as_class(value, origin)
    name = spec.get("class_path")
    if (
        name is None
        and "class_path" not in spec
        and not inspect.isabstract(expected[0])
        and len(expected) == 1
    ):
        name = f"{expected[0].__module__}.{expected[0].__qualname__}"
    at = spec.origins.get("class_path", origin)
    if not isinstance(name, str) or not name:
        got = f", got {shown(value)}" if not isinstance(value, Settings) else ": class_path is missing"
        raise wrong(at, key, f"must name a {kinds}{got}")
    try:
        found = find_class(str(name), expected)
    except UsageError as error:
        raise wrong(at, key, str(error)) from None
    arguments = spec.get("init_args")
    if arguments is not None and not isinstance(arguments, Settings):
        at = spec.origins["init_args"]
        raise wrong(at, key, f"init_args must be names and values, got {shown(arguments)}")
    parts = read_arguments(found, arguments or Settings(), key, at, skip, linked) if made else {}
    path = str(name) if "." in name else known_classes(expected)[name]
    return {"class_path": path} | parts


def _read(value: Any, hint: Any, key: str, origin: str) -> Any:
    hint = bare(hint)
    kind = typing.get_origin(hint) or hint
    inner = typing.get_args(hint)
    if kind in _UNIONS:
        return _read_union(value, inner, key, origin)
    if hint is Any or hint is object or isinstance(hint, typing.TypeVar | str):
        return data(value, key, origin)
    if hint is None or hint is type(None) or hint in (bool, int, float, str) or kind is typing.Literal:
        return leaf(value, hint, key, origin)
    if kind is collections.abc.Callable:
        return _read_factory(value, inner, key, origin)
    if kind in _LISTS:
        return _read_list(value, kind, inner, key, origin)
    if kind in _MAPPINGS:
        return _read_mapping(value, inner, key, origin)
    if kind is type:
        kinds = tuple(member for member in inner if isinstance(member, type)) or (type(None),)
        return read_class(value, kinds, key, origin, made=False)["class_path"]
    if is_own_class(hint):
        return read_class(value, (hint,), key, origin)
    return data(value, key, origin)


def _read_union(value: Any, members: tuple[Any, ...], key: str, origin: str) -> Any:
    """The first member that takes ``value``, one of just its type before one that converts it."""
    members = tuple(sorted(map(bare, members), key=lambda member: member is not type(value)))
    errors: list[UsageError] = []
    for member in members:
        try:
            return _read(value, member, key, origin)
        except UsageError as error:
            plain = (
                member in (bool, int, float, str, type(None)) or typing.get_origin(member) is typing.Literal
            )
            lists = (typing.get_origin(member) in _LISTS) != isinstance(value, list)
            if not plain and not lists and not (value is None or isinstance(value, bool | int | float)):
                errors.append(error)
    if errors:
        raise errors[0]
    wanted = dict.fromkeys(called(member) for member in members)
    raise wrong(origin, key, f"must be {', '.join(wanted)}, got {shown(value)}")


def _read_list(value: Any, kind: Any, inner: tuple[Any, ...], key: str, origin: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong(origin, key, f"must be a list, got {shown(value)}")
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        if len(inner) != len(value):
            raise wrong(origin, key, f"must have {len(inner)} values, got {shown(value)}")
        return [
            _read(v, hint, f"{key}[{i}]", origin)
            for i, (v, hint) in enumerate(zip(value, inner, strict=True))
        ]
    hint = inner[0] if inner else Any
    return [_read(item, hint, f"{key}[{i}]", origin) for i, item in enumerate(value)]


def _read_mapping(value: Any, inner: tuple[Any, ...], key: str, origin: str) -> dict[Any, Any]:
    if not isinstance(value, Settings):
        raise wrong(origin, key, f"must be names and values, got {shown(value)}")
    names, hint = inner or (Any, Any)
    found = {}
    for name, item in value.items():
        place, at = f"{key}.{name}", value.origins[name]
        if (item is None or (isinstance(item, Text) and item == "null")) and not takes_none(hint):
            continue  # null takes away what a file below gives
        _read(name, names, f"{key}: the name {name!r}", at)
        found[name] = read(item, hint, place, at)
    return found


def _read_factory(value: Any, inner: tuple[Any, ...], key: str, origin: str) -> dict[str, Any]:
    """A class that is made later; of functions none can be named, since whatever one does would happen."""
    taken, made = inner or ([], Any)
    made = bare(made)
    if not isinstance(made, type) or not is_own_class(made):
        raise wrong(origin, key, f"takes a function, which no configuration can name, got {shown(value)}")
    return read_class(value, (made,), key, origin, skip=0 if taken is Ellipsis else len(taken))
