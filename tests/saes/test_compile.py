"""What ``torch.compile`` makes of the losses through the cohort."""

import shutil
from functools import partial

import pytest
import torch

from saesim_pl import saes
from saesim_pl.training import SAECohort
from tests.saes.test_contract import ARCHITECTURES, BATCH, D_IN, D_SAE

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("g++") or shutil.which("clang++")), reason="torch.compile needs a C++ compiler"
    ),
    # The compiler's own imports and tracing.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
]


def cohort(architecture: type, **kwargs) -> SAECohort:
    # Every step of a pursuit is compiled by itself.
    options = {"k": 2} if issubclass(architecture, saes.MatchingPursuitSAE) else {}
    make = partial(architecture, d_sae=D_SAE, **options)
    return SAECohort({"a": make}, {"a": D_IN}, **kwargs)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_compiled_losses_and_gradients_are_the_eager_ones(architecture: type) -> None:
    torch.manual_seed(0)
    x = torch.randn(BATCH, D_IN)
    results = []
    for model in (cohort(architecture), cohort(architecture, compile=True)):
        output = model._losses({"a": x})["a"]
        output.loss.backward()
        grads = {name: parameter.grad for name, parameter in model.saes["a"].named_parameters()}
        results.append((output.loss, output.terms, output.x_hat, output.fired, output.latents, grads))
    torch.testing.assert_close(*results)
