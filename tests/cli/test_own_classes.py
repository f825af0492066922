"""A class of one's own, in a file of the present folder."""

import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
OWN = """
import torch
from saesim_pl.saes import SAEOutput, SparseAutoencoder

class OwnSAE(SparseAutoencoder):
    def __init__(self, d_in: int, d_sae: int, slope: float = 1.0) -> None:
        super().__init__(d_in, d_sae)
        self.slope = slope

    def encode(self, x):
        return self.slope * torch.relu(x @ self.W_enc + self.b_enc)

    def loss(self, x):
        latents = self.encode(x)
        x_hat = self.decode(latents)
        loss = (x_hat - x).square().sum(1).mean()
        return SAEOutput(x_hat.detach(), loss, {}, latents.detach().sum(0), LATENTS)
"""


def saesim(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("saesim")
    base = [
        f"--config={ROOT}/configs/experiments/synthetic_pair.yaml",
        f"--config={ROOT}/tests/data/tiny_pair.yaml",
    ]
    command = [script, "fit", *base, "--model.saes.a=own_sae.OwnSAE", "--trainer.max_epochs=1", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_console_script_finds_it(tmp_path: Path) -> None:
    (tmp_path / "own_sae.py").write_text(OWN.replace("LATENTS", "lambda: latents.detach()"))
    ran = saesim(tmp_path, "--model.saes.a.slope=0.5")
    assert ran.returncode == 0, ran.stderr
    [checkpoint] = tmp_path.rglob("last.ckpt")
    kept = torch.load(checkpoint, weights_only=True)["hyper_parameters"]["saes"]["a"]
    assert kept == {"class_path": "own_sae.OwnSAE", "init_args": {"d_sae": 64, "slope": 0.5}}


def test_a_tensor_in_place_of_a_function_is_explained(tmp_path: Path) -> None:
    (tmp_path / "own_sae.py").write_text(OWN.replace("LATENTS", "latents.detach()"))
    ran = saesim(tmp_path)
    assert ran.returncode == 2
    assert "make_latents must be a function that gives the latents: pass lambda: latents" in ran.stderr
    assert not list(tmp_path.rglob("version_*"))
