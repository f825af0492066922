"""Which class a class path stands for, looked at before anything is imported or called."""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from saesim_pl.cli.messages import UsageError, meant, shown

ROOMS = {
    "saesim_pl": (
        *("saes", "truth", "data", "training", "language_models", "callbacks", "metrics"),
        *("comparison", "comparison.nulls"),
    ),
    "lightning.pytorch": ("callbacks", "loggers", "strategies", "profilers", "accelerators"),
}
"""Packages whose classes have short names, ours before Lightning's."""


def find_class(name: str, expected: tuple[type, ...]) -> type:
    """The class that ``name`` stands for: a subclass of one of ``expected``, and not abstract.

    Of a module that is not imported yet the source is read: it is imported only if it defines a class
    of that name whose bases lead to ``expected``. Modules of Python itself define none and never are.

    Args:
        name: ``package.module.Class``, or just the class's name for one of ours or of Lightning's.
        expected: What it must derive from.

    Raises:
        UsageError: It stands for anything else, or importing its module fails.
    """
    if "." not in name:
        return _short(name, expected)
    if not all(map(str.isidentifier, name.split("."))):
        raise UsageError(f"{shown(name)} is no name of a class: give package.module.Class")
    kinds = " or ".join(kind.__name__ for kind in expected)
    if not _derives(name, expected, 0):
        close = meant(name.rpartition(".")[2], known_classes(expected))
        raise UsageError(f"{_unknown(name)} is no subclass of {kinds}{close}")
    module, names = _module_of(name)
    try:
        found: Any = import_module(module)
        for part in names:
            found = getattr(found, part)
    except Exception as error:
        # Whatever the module's own code raises: the user must learn which module it was.
        raise UsageError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, expected)) or inspect.isabstract(found):
        raise UsageError(
            f"{name} is no {kinds} that can be made{' (it is abstract)' * inspect.isabstract(found)}"
        )
    return found


@cache
def known_classes(expected: tuple[type, ...]) -> dict[str, str]:
    """Class path by short name, of all our classes and Lightning's that derive from ``expected``."""
    found: dict[str, str] = {}
    for package, rooms in ROOMS.items():
        for room in rooms:
            module = import_module(f"{package}.{room}")
            for name in getattr(module, "__all__", ()):
                value = getattr(module, name)
                if isinstance(value, type) and issubclass(value, expected) and not inspect.isabstract(value):
                    found.setdefault(name, f"{module.__name__}.{name}")
    return found


def _short(name: str, expected: tuple[type, ...]) -> type:
    known = known_classes(expected)
    if name not in known:
        kinds = " or ".join(kind.__name__ for kind in expected)
        raise UsageError(f"{shown(name)} is no {kinds}{meant(name, known)}")
    module, _, attribute = known[name].rpartition(".")
    return getattr(import_module(module), attribute)


def _unknown(name: str) -> str:
    try:
        _, names = _module_of(name)
    except LookupError:
        return f"{name!r} (no module {name.split('.')[0]!r} is on this machine or in this folder)"
    return f"{name!r}" if names else f"{name!r} (a module)"


def _derives(name: str, expected: tuple[type, ...], depth: int) -> bool:
    """Whether ``name`` is a class under ``expected``, as far as can be told without importing anything."""
    if name.split(".")[0] in sys.stdlib_module_names or depth > 20:
        return False
    try:
        module, names = _module_of(name)
    except LookupError:
        return False
    if module in sys.modules:
        found: Any = sys.modules[module]
        for part in names:
            # Not getattr, but for our own: a module's __getattr__ is code, and may import.
            own = module.split(".")[0] == "saesim_pl"
            found = getattr(found, part, None) if own else getattr(found, "__dict__", {}).get(part)
        if found is not None:
            return isinstance(found, type) and issubclass(found, expected)
    if len(names) != 1 or (tree := _source_of(module)) is None:
        return False
    return any(_derives(other, expected, depth + 1) for other in _bases(tree, module, names[0]))


def _bases(tree: ast.Module, module: str, name: str) -> Iterator[str]:
    """Full names of what the class ``name`` of ``module`` derives from, or is another name for."""
    for node in _statements(tree.body):
        if isinstance(node, ast.ClassDef) and node.name == name:
            for base in node.bases:
                dotted = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
                yield from _meanings(tree, module, dotted)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(module, node)
            for alias in node.names:
                if alias.name == "*" or (alias.asname or alias.name) == name:
                    yield f"{origin}.{name if alias.name == '*' else alias.name}"


def _meanings(tree: ast.Module, module: str, dotted: str) -> Iterator[str]:
    """Full names that ``dotted`` may stand for in ``module``."""
    first, _, rest = dotted.partition(".")
    rest = f".{rest}" if rest else ""
    yield f"{module}.{dotted}"
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name.split(".")[0]) == first:
                    yield (alias.name if alias.asname else first) + rest
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == first:
                    yield f"{_absolute(module, node)}.{alias.name}{rest}"


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for part in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, ast.If | ast.Try):
                for inner in getattr(node, part, []):
                    yield from _statements(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])


def _absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    spec = _spec(module)
    package = module if spec and spec.submodule_search_locations is not None else module.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{node.module}" if node.module else package


def _module_of(name: str) -> tuple[str, list[str]]:
    """The longest part of ``name`` that is a module, and the names that remain."""
    parts = name.split(".")
    length = 0
    while length < len(parts) and _spec(".".join(parts[: length + 1])) is not None:
        length += 1
    if not length:
        raise LookupError(name)
    return ".".join(parts[:length]), parts[length:]


def _spec(module: str) -> ModuleSpec | None:
    """Where a module would be imported from; nothing is imported, its packages neither."""
    if module in sys.modules:
        return getattr(sys.modules[module], "__spec__", None) or ModuleSpec(module, None)
    package = module.rpartition(".")[0]
    outer = _spec(package) if package else None
    if package and (outer is None or outer.submodule_search_locations is None):
        return None
    path = list(outer.submodule_search_locations or []) if outer else None
    for finder in sys.meta_path:
        spec = finder.find_spec(module, path, None)
        if spec is not None:
            return spec
    return None


def _source_of(module: str) -> ast.Module | None:
    spec = _spec(module)
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        return None
    try:
        return ast.parse(Path(str(spec.origin)).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
