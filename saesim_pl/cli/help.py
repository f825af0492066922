"""``saesim COMMAND --help`` and ``saesim COMMAND --KEY.help [CLASS]``."""

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from saesim_pl.cli.class_look import find_class, known_classes
from saesim_pl.cli.messages import UsageError, meant
from saesim_pl.cli.signatures import Parameter, parameters
from saesim_pl.saes import SparseAutoencoder

KINDS: dict[str, tuple[str, type]] = {
    "model": ("what is trained or run", LightningModule),
    "model.saes.NAME": ("the SAEs of a cohort, each under a name", SparseAutoencoder),
    "data": ("where activations come from", LightningDataModule),
    "trainer.callbacks": ("what happens on the way; --trainer.callbacks+ adds one", Callback),
}

EXAMPLES = """\
examples:
  saesim fit --config configs/experiments/synthetic_pair.yaml --trainer.max_epochs 3
  saesim fit --config configs/base.yaml --config configs/data/uniform.yaml --config configs/saes/top_k.yaml
  saesim fit --config configs/experiments/seeds.yaml --model.defaults.l1_coefficient 0.2   (all its SAEs)
  saesim validate --config configs/experiments/synthetic_pair.yaml --ckpt_path last

A key may leave out init_args: --model.saes.a.k 4 is --model.init_args.saes.a.init_args.k 4.
Our classes and Lightning's need no module: --data SyntheticActivations. Later files and options win."""


def print_help(command: str, key: str, name: str | None) -> None:
    """Print the help of a subcommand, of a key, or of a class that a key takes.

    Args:
        command: The subcommand.
        key: Empty for the subcommand.
        name: The class; without one the key's classes are listed.

    Raises:
        UsageError: The key takes no class, or has no such class.
    """
    if not key:
        print(_of_command(command))
        return
    kind = _kind_of(key)
    if isinstance(kind, dict):
        print("\n".join(_arguments(kind, key)))
    elif name is None:
        print(
            "\n".join([f"--{key} takes", *_classes(kind), f"saesim {command} --{key}.help CLASS says more."])
        )
    else:
        try:
            made = find_class(name, (kind,))
        except UsageError as error:
            raise UsageError(f"--{key}.help: {error}") from None
        skip = 1 if issubclass(made, SparseAutoencoder) else 0
        known = {n: p for n, p in parameters(made, skip)[0].items() if (key, n) not in _LINKED}
        described = inspect.cleandoc(made.__doc__ or "").split("\n\nArgs:")[0]
        print(
            "\n".join(
                [f"{made.__module__}.{made.__qualname__}", "", described, "", *_arguments(known, key, made)]
            )
        )


_LINKED = {("model", "streams"), ("data", "model")}


def _of_command(command: str) -> str:
    lines = [f"usage: saesim {command} [--config FILE ...] [--key value ...]", ""]
    for key, (what, kind) in KINDS.items():
        lines += [f"--{key}: {what}", *_classes(kind, ours=True), ""]
    lines += [EXAMPLES, "", "--config FILE  --print_config  --seed_everything N  --KEY.help [CLASS]"]
    method = parameters(getattr(Trainer, command))[0]
    own = [n for n in ("ckpt_path", "verbose", "return_predictions") if n in method]
    lines += _arguments({name: method[name] for name in own}, "")
    return "\n".join(
        [*lines, "", "Lightning's trainer:", *_arguments(parameters(Trainer)[0], "trainer", Trainer)]
    )


def _kind_of(key: str) -> Any:
    """The class that a key takes, or the arguments under it."""
    if key == "trainer":
        return parameters(Trainer)[0]
    if re.fullmatch(r"model(\.init_args)?\.saes(\.\w+)?|model(\.init_args)?\.defaults", key):
        return SparseAutoencoder
    if key in KINDS:
        return KINDS[key][1]
    first, *rest = [part for part in key.split(".") if part != "init_args"]
    owners: dict[str, list[type]] = {
        "trainer": [Trainer],
        "data": _known(LightningDataModule),
        "model": _known(LightningModule),
    }
    for owner in owners.get(first, []):
        found = parameters(owner)[0].get(rest[0]) if len(rest) == 1 else None
        if found and (kind := _class_in(found.hint)):
            return kind
    raise UsageError(f"--{key}.help: {key} takes no class{meant(key, KINDS)}")


def _known(kind: type) -> list[type]:
    return [find_class(path, (kind,)) for path in known_classes((kind,)).values()]


def _class_in(hint: Any) -> type | None:
    inner = [found for part in typing.get_args(hint) if (found := _class_in(part))]
    own = isinstance(hint, type) and hint.__module__.split(".")[0] in ("saesim_pl", "lightning")
    return hint if own else next(iter(inner), None)


def _classes(kind: type, ours: bool = False) -> list[str]:
    known = {n: p for n, p in known_classes((kind,)).items() if not ours or p.startswith("saesim_pl.")}
    width = max(map(len, known), default=0)
    made = {name: find_class(path, (kind,)) for name, path in known.items()}
    return [f"  {name:<{width}}  {_first_line(made[name])}" for name in known]


def _first_line(made: Callable[..., Any]) -> str:
    return inspect.cleandoc(made.__doc__ or "").partition("\n")[0]


def _arguments(known: dict[str, Parameter], key: str, made: Callable[..., Any] | None = None) -> list[str]:
    said = _said(made) if made else {}
    lines = []
    for name, parameter in known.items():
        hint = inspect.formatannotation(parameter.hint) if parameter.hint is not Any else ""
        hint = re.sub(r"\b(?:typing|collections\.abc|pathlib|datetime)\.|[\w.]+\.(?=[A-Z]\w+)", "", hint)
        default = "required" if parameter.required else f"default {parameter.default!r}"
        option = f"--{key}.{name}".replace("--.", "--")
        lines.append(f"  {option}  {hint}  ({default})".replace("    ", "  "))
        if name in said:
            lines.append(f"      {said[name]}")
    return lines


def _said(made: Callable[..., Any]) -> dict[str, str]:
    """What the docstrings say of each argument."""
    found: dict[str, str] = {}
    for owner in made.__mro__ if isinstance(made, type) else [made]:
        for document in (owner.__doc__, getattr(owner.__init__, "__doc__", None)):
            section = inspect.cleandoc(document or "").partition("Args:\n")[2].split("\n\n")
            for name, text in re.findall(r"^ {4}(\w+):((?:.*\n?(?: {8}.*\n?)*))", section[0], re.MULTILINE):
                found.setdefault(name, " ".join(text.split()))
    return found
