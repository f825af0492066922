"""Words of the command line: options with a value, and files of them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saesim_pl.cli.messages import UsageError
from saesim_pl.cli.settings import Settings, Text
from saesim_pl.cli.yaml_file import parse_yaml, read_config


@dataclass
class Options:
    """What the words of a subcommand ask for.

    Attributes:
        layers: Settings, later ones over earlier ones; an option is a layer too.
        typed: Options that are settings, as they were typed.
        print_config: Whether to print the settings instead of running.
        help: The option whose help is asked for without its ``--`` and ``.help``, empty for that of the
            subcommand, None for none.
        help_class: The class that is explained.
    """

    layers: list[Settings] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    print_config: bool = False
    help: str | None = None
    help_class: str | None = None


def read_options(words: Sequence[str]) -> Options:
    """Options of ``words``, in their order.

    Raises:
        UsageError: A word is no option, an option has no value, or a file cannot be read.
    """
    options, rest = Options(), list(words)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            options.help = ""
            return options
        name, equals, value = word.partition("=")
        if name == "--print_config":
            options.print_config = True
            continue
        if name == "-c":
            name = "--config"
        if not name.startswith("--") or name == "--":
            raise UsageError(f"{word!r} is no option: options are --key value or --key=value")
        if name.endswith(".help"):
            given = value if equals else rest[0] if rest and not rest[0].startswith("-") else None
            options.help, options.help_class = name[2:-5], given
            return options
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UsageError(f"{name} needs a value")
            value = rest.pop(0)
        if name == "--config":
            if not value:
                raise UsageError("--config needs the name of a file")
            options.layers += read_config(Path(value))
        else:
            options.layers.append(_layer(name, value))
            options.typed.append(name)
    return options


def _layer(name: str, text: str) -> Settings:
    keys = name[2:].split(".")
    if not all(keys) or not all(key.rstrip("+").isidentifier() or key.isdigit() for key in keys):
        raise UsageError(f"{name} is no option: keys are names with dots between them")
    if any(key.endswith("+") for key in keys[:-1]):
        raise UsageError(f"{name}: + stands at the end of a key")
    layer = inner = Settings()
    for key in keys[:-1]:
        outer, inner = inner, Settings()
        outer.put(key, inner, name)
    inner.put(keys[-1], _value(name, text), name)
    return layer


def _value(name: str, text: str) -> Any:
    if text.strip()[:1] not in ("[", "{"):
        return Text(text)
    return parse_yaml(text, name, line=False)


def typed_values(value: Text) -> Iterator[Any]:
    """What a text on the command line may mean: first a number, a truth value or null, then itself."""
    with suppress(UsageError):
        if value.strip():
            yield parse_yaml(value, "option", line=False)
    yield str(value)
