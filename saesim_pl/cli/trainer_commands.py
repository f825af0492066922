"""``fit``, ``validate``, ``test`` and ``predict``: their words are read before anything heavy is imported."""

from collections.abc import Sequence

from saesim_pl.cli.options import read_options


def run(command: str, words: Sequence[str]) -> None:
    """Run ``saesim COMMAND WORDS``.

    Raises:
        UsageError: Something is wrong with what was asked for.
    """
    options = read_options(words)
    if options.help is not None:
        from saesim_pl.cli.help import print_help

        print_help(command, options.help, options.help_class)
    else:
        from saesim_pl.cli.lightning_cli import start

        start(command, options)
