"""``saesim``: chooses the subcommand, and imports no more than it needs."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from saesim_pl.cli.messages import UsageError, meant, reported

COMMANDS = {
    "fit": ("saesim_pl.cli.trainer_commands", "train SAEs and compare them at every validation"),
    "validate": ("saesim_pl.cli.trainer_commands", "compare the SAEs of a checkpoint on the validation data"),
    "test": ("saesim_pl.cli.trainer_commands", "compare the SAEs of a checkpoint on the test data"),
    "compare": ("saesim_pl.cli.compare_command", "compare SAEs, true features and matrices, after the fact"),
    "predict": ("saesim_pl.cli.trainer_commands", "write a language model's activations to disk"),
}
"""By subcommand the module whose ``run(command, words)`` does it, and what it does.

``run`` raises ``UsageError`` where the user is to correct something; it becomes one line and status 2.
"""


def main(args: Sequence[str] | None = None) -> None:
    """Run ``saesim ARGS``; without arguments those of the shell, as the console script does."""
    if args is None:
        args = sys.argv[1:]
        # Last, so that a file in this folder can be a module of one's own but replaces no other.
        sys.path.append(os.getcwd())
    command, words = (args[0], list(args[1:])) if args else ("--help", [])
    if command in ("-h", "--help", "help"):
        print(usage())
    elif command in ("--version", "version"):
        import saesim_pl

        print(f"saesim {saesim_pl.__version__}")
    else:
        known = command in COMMANDS
        with reported(command if known else ""):
            if not known:
                raise UsageError(f"there is no subcommand {command!r}{meant(command, COMMANDS)}")
            import_module(COMMANDS[command][0]).run(command, words)


def usage() -> str:
    """What ``saesim --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {does}" for name, (_, does) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: saesim COMMAND [--config FILE ...] [--key value ...]",
            "",
            "Train sparse autoencoders and measure how similar their feature spaces are.",
            "",
            *lines,
            "",
            "  saesim fit --config configs/experiments/synthetic_pair.yaml     an experiment",
            "  saesim fit --config FILE --model.saes.a.k 4 --print_config      its settings, one changed",
            "  saesim fit --help                                               what an experiment is made of",
            "  saesim fit --model.help                                         the classes for one key",
            "  saesim fit --data.help SyntheticActivations                     the settings of one class",
            "  saesim compare RUN:a RUN:b                                      two SAEs of a run's folder",
            "  saesim --version",
        ]
    )
