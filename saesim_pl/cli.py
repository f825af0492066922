"""The command line, ``saesim``: Lightning's, with its links and its messages."""

import errno
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NoReturn

import yaml
from jsonargparse import ActionConfigFile, Namespace
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from saesim_pl.checks import PlainError
from saesim_pl.training.interruption import Interrupted, interruptions
from saesim_pl.training.place_run import Place, enter_place, place_run
from saesim_pl.training.saved_config import SavedConfig


class ComposedConfig(ActionConfigFile):
    """A configuration file whose ``config:`` may list files, relative to itself, that come before it."""

    @staticmethod
    def apply_config(parser: Any, cfg: Namespace, dest: str, value: str) -> None:
        """Apply the listed files in order, then the file itself."""
        for path in _listed(Path(value), dest, ()):
            ActionConfigFile.apply_config(parser, cfg, dest, str(path))
        ActionConfigFile.apply_config(parser, cfg, dest, value)


def _listed(path: Path, dest: str, within: tuple[Path, ...]) -> Iterator[Path]:
    """Files that ``path`` lists, each after those that it lists itself."""
    if path.resolve() in within:
        _fail(f"saesim: error: {path} lists itself")
    listed = (yaml.safe_load(path.read_text()) or {}).get(dest) if path.is_file() else None
    for part in listed if isinstance(listed, list) else []:
        yield from _listed(path.parent / part, dest, (*within, path.resolve()))
        yield path.parent / part


class SaesimParser(LightningArgumentParser):
    """A parser that reports a mistake in one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Exit with status 2."""
        _fail(f"{self.prog}: error: {one_line(message)}")


class SaesimCLI(LightningCLI):
    """Adds links and messages; everything else is configuration."""

    def __init__(self, **kwargs: Any) -> None:
        self.place: Place | None = None
        try:
            super().__init__(
                parser_class=SaesimParser,
                subclass_mode_model=True,
                subclass_mode_data=True,
                # Otherwise a top-level --optimizer would replace the module's own on the quiet.
                auto_configure_optimizers=False,
                save_config_callback=SavedConfig,
                **kwargs,
            )
        finally:
            if self.place:
                self.place.leave()

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """A parser that composes configuration files."""
        parser = self.parser_class(**kwargs)
        parser.add_argument(
            "-c", "--config", action=ComposedConfig, help="Configuration file in yaml; later ones win."
        )
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Tell the model how wide the data's streams are, and the text which tokenizer the model has."""
        parser.link_arguments("data", "model.init_args.streams", compute_fn=_streams, apply_on="instantiate")
        parser.link_arguments("model.init_args.model", "data.init_args.model")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Refuse a linked argument that is also given: it would be dropped on the quiet."""
        super().parse_arguments(parser, args)
        subcommand = self.config.subcommand
        if self.config[subcommand].get("model.init_args.streams") is not None:
            _fail(f"saesim {subcommand}: error: streams come from the data; do not give them to the model")

    def _parse_ckpt_path(self) -> None:
        """Leave the configuration as it was given: Lightning would put the checkpoint's in its place."""

    def before_instantiate_classes(self) -> None:
        """Choose the run's folder, and the checkpoint that ``--ckpt_path last`` means."""
        config = self.config[self.subcommand]
        config["weights_only"] = True  # a checkpoint brings no code
        parser = self._parser(self.subcommand)
        with self._explained():
            self.place = place_run(config, str(self.subcommand), lambda: parser.dump(config, skip_none=False))
        if self.place and self.place.note:
            print(f"saesim: {self.place.note}", file=sys.stderr)

    def instantiate_classes(self) -> None:
        """Build data, model and trainer."""
        with self._explained():
            super().instantiate_classes()

    def _run_subcommand(self, subcommand: str) -> None:
        try:
            with interruptions.listening(), self._explained():
                if self.place:
                    enter_place(self.trainer, self.place, self.config[subcommand].get("ckpt_path"))
                super()._run_subcommand(subcommand)
        except Interrupted as stop:
            print(f"saesim {subcommand}: {stop}", file=sys.stderr)
            sys.exit(stop.code)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Report a bad configuration in one line, but never hide an error of a run under way."""
        try:
            yield
        except (ValueError, TypeError, OSError, MisconfigurationException) as error:
            trainer = getattr(self, "trainer", None)
            under_way = trainer and _has_begun(trainer) and not _says_it_all(error)
            if "JSONARGPARSE_DEBUG" in os.environ or under_way:
                raise
            _fail(f"saesim {self.subcommand}: error: {one_line(str(error))}")
        except UnpicklingError:
            _fail(f"saesim {self.subcommand}: error: the checkpoint holds more than weights and plain data")


def one_line(message: str) -> str:
    """What a message of nested parsers says, without what it says about every nesting."""
    noise = r"Does not validate|Subtypes:|Errors:|- Expected a <class 'NoneType'>|Given value|tip:"
    lines = [line.strip() for line in message.splitlines()]
    text = " ".join(line.removeprefix("- ") for line in lines if line and not re.match(noise, line))
    text = text.replace("Does not validate against any of the Union subtypes ", "")
    text = re.sub(
        r"Type collections\.abc\.Callable\S* \S* expects a function or a callable class: ", "", text
    )
    return re.sub(r"\.? ?Got value: Namespace.*", "", re.sub(r'Parser key "(\S+)":', r"\1:", text))


def _fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


def _streams(data: LightningDataModule) -> dict[str, int] | None:
    # Text has no streams, and the language model that reads it takes none: the link then comes to nothing.
    return getattr(data, "streams", None)


def _says_it_all(error: Exception) -> bool:
    """Whether the message of an error in a run under way is all that its user needs."""
    no_room = errno.ENOSPC, errno.EDQUOT, errno.EFBIG
    return isinstance(error, PlainError) or (isinstance(error, OSError) and error.errno in no_room)


def _has_begun(trainer: Trainer) -> bool:
    loops = (trainer.fit_loop.epoch_loop, trainer.validate_loop, trainer.test_loop, trainer.predict_loop)
    return any(loop.batch_progress.total.ready for loop in loops)


def main(args: ArgsType = None) -> None:
    """Run ``saesim``."""
    # Advertisements, and a deprecation between two libraries that no user can mend.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_no_tip)
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.* is deprecated")
    SaesimCLI(args=args)


def _is_no_tip(record: logging.LogRecord) -> bool:
    return "Tip: " not in record.getMessage()
