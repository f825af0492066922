"""The command line, ``saesim``."""

from saesim_pl.cli.commands import main

__all__ = ["main"]
