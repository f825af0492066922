"""What a class takes."""

import inspect
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """One argument.

    Attributes:
        hint: Its type; ``Any`` where the source says none that can be resolved.
        required: Whether it has no default.
        default: Its default.
    """

    hint: Any
    required: bool
    default: Any


@cache
def parameters(made: Callable[..., Any], skip: int = 0) -> tuple[dict[str, Parameter], bool]:
    """Arguments of a class or function by name, and whether it takes others too.

    Args:
        made: A class, of which the bases' arguments count where ``**kwargs`` hands them on, or a function.
        skip: Leading arguments that are not the user's.
    """
    owners = made.__mro__ if isinstance(made, type) else ()
    calls: list[Any] = [vars(owner)["__init__"] for owner in owners if "__init__" in vars(owner)] or [made]
    found: dict[str, Parameter] = {}
    more = True
    for call in calls:
        if not more:
            break
        signature = inspect.signature(call)
        names = [
            n for n, p in signature.parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        for name in names[1 + skip if call is calls[0] else 1 :] if owners else names:
            parameter = signature.parameters[name]
            # A class that hands on **kwargs may give what its base requires.
            required = call is calls[0] and parameter.default is parameter.empty
            found.setdefault(name, Parameter(_hint(call, parameter.annotation), required, parameter.default))
        more = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    return found, more


def _hint(call: Any, annotation: Any) -> Any:
    if annotation is inspect.Parameter.empty:
        return Any
    function = inspect.unwrap(call)
    if not isinstance(annotation, str):
        annotation = typing.cast("Any", annotation)
        holder: Any = type("holder", (), {"__annotations__": {"x": annotation}})
    else:
        holder = type("holder", (), {"__annotations__": {"x": typing.ForwardRef(annotation)}})
    try:
        scope = vars(sys.modules[function.__module__])
        return typing.get_type_hints(holder, globalns=scope)["x"]
    except Exception:
        # A name that only a type checker imports: nothing can be told of this one argument.
        return Any
