"""Data modules that no checkpoint holds."""

from typing import Any, NoReturn

from lightning.pytorch import LightningDataModule


class NotInCheckpoints(LightningDataModule):
    """A data module that is made from a configuration, never from a checkpoint."""

    @classmethod
    def load_from_checkpoint(cls, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a checkpoint holds SAEs and how their data were normalised, but no data.

        Raises:
            NotImplementedError: Always, with the way that works.
        """
        raise NotImplementedError(
            f"a checkpoint holds no {cls.__name__}: construct it with the settings in the run's config.yaml, "
            "or run `saesim validate --config RUN/config.yaml --ckpt_path RUN/checkpoints/last.ckpt`"
        )
