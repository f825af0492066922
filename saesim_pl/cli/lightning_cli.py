"""``saesim fit``, ``validate``, ``test`` and ``predict``: Lightning's, with our links and messages."""

import sys
from typing import Any, NoReturn

from lightning.pytorch import LightningDataModule
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from saesim_pl.cli.checkpoints import check_checkpoint
from saesim_pl.cli.hyperparameters import Hyperparameters
from saesim_pl.cli.leftovers import nothing_left
from saesim_pl.cli.messages import UsageError, one_line
from saesim_pl.cli.options import Options
from saesim_pl.cli.quiet import Held, quiet
from saesim_pl.cli.refusals import explained
from saesim_pl.cli.request import Request, read_request
from saesim_pl.training.interruption import Interrupted, interruptions
from saesim_pl.training.place_run import Place, enter_place, place_run
from saesim_pl.training.saved_config import SavedConfig


class SaesimParser(LightningArgumentParser):
    """A parser whose values have been looked at before; it reads no file, and a mistake is an exception."""

    def add_class_arguments(self, *args: Any, **kwargs: Any) -> list[str]:
        """As Lightning's, but a text is never the name of a file that holds the value."""
        return super().add_class_arguments(*args, **kwargs | {"sub_configs": False})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Refuse.

        Raises:
            UsageError: Always.
        """
        raise UsageError(one_line(message)) from ex


class SaesimCLI(LightningCLI):
    """Adds links and messages to one subcommand; everything else is configuration.

    Args:
        held: Messages that wait for the first batch.
        command: The subcommand.
        request: Its settings.
        print_config: Whether to print them instead of running.
    """

    def __init__(self, held: Held, command: str, request: Request, print_config: bool = False) -> None:
        self.command, self.request, self.print_config = command, request, print_config
        self.place: Place | None = None
        try:
            super().__init__(
                parser_class=SaesimParser,
                subclass_mode_model=True,
                subclass_mode_data=True,
                # Otherwise a top-level --optimizer would replace the module's own.
                auto_configure_optimizers=False,
                save_config_callback=SavedConfig,
                trainer_defaults={"callbacks": [held, Hyperparameters(request.values)]},
                args={"subcommand": command, command: request.values},
            )
        finally:
            if self.place:
                self.place.leave()

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The one that is asked for: the parsers of the others would take seconds to build."""
        return {self.command: LightningCLI.subcommands()[self.command]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Tell the model how wide the data's streams are, and the text which tokenizer the model has."""
        parser.link_arguments("data", "model.init_args.streams", compute_fn=_streams, apply_on="instantiate")
        parser.link_arguments("model.init_args.model", "data.init_args.model")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Take the request; print it where that is all that is asked for."""
        if self.print_config:
            config = parser.parse_object(args, _skip_validation=True, _skip_required=True)
            print(
                self._subcommand_parsers[self.command].dump(config[self.command], skip_validation=True),
                end="",
            )
            raise SystemExit(0)
        self.config = parser.parse_object(args)

    def _parse_ckpt_path(self) -> None:
        """Leave the configuration as it was given: Lightning would put the checkpoint's in its place."""

    def before_instantiate_classes(self) -> None:
        """Look at the checkpoint, choose the run's folder, find the run that ``--ckpt_path last`` means."""
        config = self.config[self.command]
        config["weights_only"] = True  # a checkpoint brings no code
        check_checkpoint(self.command, config)
        parser = self._parser(self.command)
        with explained(self.request):
            self.place = place_run(config, self.command, lambda: parser.dump(config, skip_none=False))
        check_checkpoint(self.command, config)
        if self.place and self.place.note:
            print(f"saesim: {self.place.note}", file=sys.stderr)

    def instantiate_classes(self) -> None:
        """Build data, model and trainer."""
        with explained(self.request):
            super().instantiate_classes()

    def _run_subcommand(self, subcommand: str) -> None:
        try:
            with (
                interruptions.listening(),
                explained(self.request, self.trainer),
                nothing_left(self.place, self.trainer),
            ):
                if self.place:
                    enter_place(self.trainer, self.place, self.config[subcommand].get("ckpt_path"))
                super()._run_subcommand(subcommand)
        except Interrupted as stop:
            print(f"saesim {subcommand}: {stop}", file=sys.stderr)
            sys.exit(stop.code)


def start(command: str, options: Options) -> None:
    """Run a subcommand with these options.

    Raises:
        UsageError: Something is wrong with what was asked for.
    """
    with quiet() as held:
        SaesimCLI(held, command, read_request(command, options, options.print_config), options.print_config)


def _streams(data: LightningDataModule) -> dict[str, int] | None:
    # Text has no streams, and the language model that reads it takes none: the link then comes to nothing.
    return getattr(data, "streams", None)
