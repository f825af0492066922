"""Data modules, which checkpoints do not hold."""

from typing import Any, NoReturn

from lightning.pytorch import LightningDataModule


class NotInCheckpoints(LightningDataModule):
    """A data module that is made from a configuration, not from a checkpoint."""

    @classmethod
    def load_from_checkpoint(cls, *_: Any, **__: Any) -> NoReturn:
        """Always refuse: a checkpoint holds SAEs and the normalization of their data, but no data.

        Raises:
            NotImplementedError: Always; the message says how to make the data module.
        """
        raise NotImplementedError(
            f"a checkpoint holds no {cls.__name__}: construct it with the settings in the run's config.yaml, "
            "or run `saesim validate --config RUN/config.yaml --ckpt_path RUN/checkpoints/last.ckpt`"
        )
