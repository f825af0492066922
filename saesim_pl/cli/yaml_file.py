"""The one way in which the command line reads YAML: strict, safe, and with the line of every key."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from saesim_pl.cli.messages import UsageError
from saesim_pl.cli.settings import Settings

LARGEST_FILE = 4 * 2**20
"""Bytes; a file above is no configuration."""
MOST_VALUES = 100_000
"""Values that a file may stand for, aliases followed: a few lines of nested aliases stand for billions."""

_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but 1e-3 is a number and 2026-01-01 a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in pairs if not tag.endswith((":timestamp", ":float"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_FLOAT = r"""^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
    |[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"""
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(_FLOAT, re.VERBOSE), list("-+0123456789.")
)


def read_config(path: Path, within: tuple[Path, ...] = ()) -> Iterator[Settings]:
    """Settings of the files that ``path`` lists under ``config``, each after its own, then of ``path``.

    Args:
        path: A YAML file; names under ``config`` are relative to it.
        within: Files that list it.

    Raises:
        UsageError: Naming file and line.
    """
    if path.resolve() in within:
        raise UsageError(f"{path} lists itself")
    settings = read_yaml(path)
    where = settings.origins.get("config", str(path))
    listed = settings.pop("config", None)
    for part in listed if isinstance(listed, list) else [] if listed is None else [listed]:
        if not isinstance(part, str):
            raise UsageError(f"{where}: config lists files, not {part!r}")
        other = Path(os.path.normpath(path.parent / part))
        if not other.is_file():
            raise UsageError(f"{where}: config lists {part}, and there is no such file")
        yield from read_config(other, (*within, path.resolve()))
    yield settings


def read_yaml(path: Path) -> Settings:
    """The mapping that a YAML file holds.

    Raises:
        UsageError: The file is missing, no text, too large, no mapping, or no plain YAML.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file" if not path.exists() else f"{path} is no file")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UsageError(f"{path} is no configuration: it has {path.stat().st_size:,} bytes")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is no UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    found = parse_yaml(text, str(path))
    if found is None:
        raise UsageError(f"{path} is empty")
    if not isinstance(found, Settings):
        raise UsageError(f"{path} must hold keys and values, got {type(found).__name__} {found!r:.60}")
    return found


def parse_yaml(text: str, source: str, line: bool = True) -> Any:
    """The value that ``text`` stands for, mappings as :class:`Settings`.

    Args:
        text: YAML.
        source: Where it comes from.
        line: Whether an origin is ``source:line`` or just ``source``.

    Raises:
        UsageError: Naming ``source`` and line.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return None if node is None else _Builder(loader, source, line).build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{source}:{mark.line + 1}" if mark and line else source
        raise UsageError(f"{at}: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{source}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UsageError(f"{source} is nested too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


class _Builder:
    """Makes values of nodes, and counts them."""

    def __init__(self, loader: _Loader, source: str, line: bool) -> None:
        self.loader, self.source, self.line = loader, source, line
        self.made = 0

    def at(self, node: yaml.Node) -> str:
        return f"{self.source}:{node.start_mark.line + 1}" if self.line else self.source

    def build(self, node: yaml.Node, within: tuple[yaml.Node, ...]) -> Any:
        self.made += 1
        if self.made > MOST_VALUES:
            raise UsageError(f"{self.source} stands for more than {MOST_VALUES:,} values: aliases of aliases")
        if any(node is outer for outer in within):
            raise UsageError(f"{self.at(node)}: an alias stands within the value it repeats")
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, (*within, node))
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.build(item, (*within, node)) for item in node.value]
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN:
            return self._scalar(node)
        raise UsageError(
            f"{self.at(node)}: the tag {node.tag.removeprefix('tag:yaml.org,2002:')!r} is refused"
        )

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.loader.construct_object(node)
        except ValueError as error:
            raise UsageError(f"{self.at(node)}: {node.value!r} cannot be read: {error}") from None

    def _mapping(self, node: yaml.MappingNode, within: tuple[yaml.Node, ...]) -> Settings:
        found, below = Settings(), []
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged = self.build(value_node, within)
                below += merged if isinstance(merged, list) else [merged]
                continue
            key = self.build(key_node, within)
            if isinstance(key, bool) or not isinstance(key, str | int | float):
                raise UsageError(f"{self.at(key_node)}: a key must be a name, got {key!r}; quote it")
            if key in found:
                raise UsageError(
                    f"{self.at(key_node)}: {key!r} is given twice, first at {found.origins[key]}"
                )
            found.put(key, self.build(value_node, within), self.at(key_node))
        for other in below:
            if not isinstance(other, Settings):
                raise UsageError(f"{self.at(node)}: << takes keys and values, got {other!r:.60}")
            for key, value in other.items():
                if key not in found:
                    found.put(key, value, other.origins[key])
        return found
