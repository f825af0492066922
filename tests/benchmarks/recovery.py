"""What each architecture recovers of known features in 2.5 million samples.

python -m tests.benchmarks.recovery [--data uniform circles ...] [--saes top_k jump_relu ...] [--seeds 0 1]

Runs `saesim fit` on configs/experiments/recovery.yaml with each of configs/data and of configs/saes, once a
seed, of weights and of data alike, and prints the last validation.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CONFIGS = Path("configs")
SAES = [
    "standard",
    "top_k",
    "batch_top_k",
    "matryoshka",
    "jump_relu",
    "gated",
    "p_anneal",
    "matching_pursuit",
]
MEASURES = {
    "MMCS": "truth~a/mean_max_cosine_similarity",
    "MCC": "a~truth/mcc",
    "F1": "truth~a/firing_f1",
    "FVU": "a/fvu",
    "L0": "a/l0",
    "dead": "a/dead",
}


def recovered(data: str, saes: str, seed: int) -> dict[str, float]:
    """The last validation's scores."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-c", "from saesim_pl.cli import main; main()", "fit"),
                f"--config={CONFIGS}/experiments/recovery.yaml",
                *(f"--config={CONFIGS}/data/{data}.yaml", f"--config={CONFIGS}/saes/{saes}.yaml"),
                *(f"--data.init_args.seed={seed}", f"--model.init_args.seeds={json.dumps({'a': seed})}"),
                *("--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"),
                f"--trainer.logger.init_args.save_dir={folder}",
            ],
            check=True,
            capture_output=True,
        )
        [run] = Path(folder).glob("*/version_0")
        events = EventAccumulator(str(run)).Reload()
        return {name: events.Scalars(tag)[-1].value for name, tag in MEASURES.items()}


def main() -> None:
    """Print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["uniform"])
    parser.add_argument("--saes", nargs="+", default=SAES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    print("| data | architecture | seed |", " | ".join(MEASURES), "| seconds |")
    for data, saes, seed in itertools.product(options.data, options.saes, options.seeds):
        start = time.perf_counter()
        scores = recovered(data, saes, seed)
        values = " | ".join(f"{value:.4g}" for value in scores.values())
        print(f"| `{data}` | `{saes}` | {seed} | {values} | {time.perf_counter() - start:.0f} |", flush=True)


if __name__ == "__main__":
    main()
