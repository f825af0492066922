"""Checkpoints that a run cannot begin with, and a good one."""

from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Trainer
from safetensors.torch import save_file

from saesim_pl.saes import StandardSAE
from saesim_pl.training import SAECohort


def write_checkpoints(folder: Path) -> None:
    """Write them to ``folder``; the good one is of the tiny pair."""
    model = SAECohort(dict.fromkeys("ab", partial(StandardSAE, d_sae=64)), {"a": 32, "b": 32})
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=0, barebones=True
    )
    trainer.strategy.connect(model)
    trainer.save_checkpoint(folder / "good.ckpt")
    whole = (folder / "good.ckpt").read_bytes()
    content = torch.load(folder / "good.ckpt", weights_only=True)
    raw = {"mode": "none", "scale": None, "shift": None}
    torch.save(content | {"normalizations": {"a": raw, "b": raw}}, folder / "good.ckpt")
    (folder / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.ckpt").write_bytes(b"")
    (folder / "text.ckpt").write_text("no checkpoint")
    torch.save({}, folder / "dict.ckpt")
    torch.save(content | {"code": Path("x")}, folder / "code.ckpt")
    torch.save({"state_dict": content["state_dict"]}, folder / "weights.ckpt")
    save_file({"W_dec": torch.zeros(2, 2)}, folder / "sae.safetensors")
    content["state_dict"]["saes.a.W_dec"] = torch.full((64, 32), torch.nan)
    torch.save(content, folder / "nan.ckpt")
