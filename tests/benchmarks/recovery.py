"""What each architecture recovers of 512 independent true features in 2.5 million samples.

python -m tests.benchmarks.recovery [--seeds 0 1] [--only top_k jump_relu ...]

Runs `saesim fit` on configs/experiments/architecture.yaml with each configuration of one SAE, once a seed, of
weights and of data alike, and prints the last validation.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CONFIGS = Path("configs/saes")
MEASURES = {
    "MMCS": "truth~a/mean_max_cosine_similarity",
    "MCC": "a~truth/mcc",
    "F1": "truth~a/firing_f1",
    "FVU": "a/fvu",
    "L0": "a/l0",
    "dead": "a/dead",
}


def recovered(saes: Path, seed: int) -> dict[str, float]:
    """The last validation's scores."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-c", "from saesim_pl.cli import main; main()", "fit"),
                *("--config=configs/experiments/architecture.yaml", f"--config={saes}"),
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
    single = [path.stem for path in sorted(CONFIGS.glob("*.yaml")) if "_pair" not in path.stem]
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--only", nargs="+", default=[name for name in single if name != "standard_seeds"])
    options = parser.parse_args()
    print("| architecture | seed |", " | ".join(MEASURES), "| seconds |")
    for name in options.only:
        for seed in options.seeds:
            start = time.perf_counter()
            scores = recovered(CONFIGS / f"{name}.yaml", seed)
            values = " | ".join(f"{value:.4g}" for value in scores.values())
            print(f"| `{name}` | {seed} | {values} | {time.perf_counter() - start:.0f} |", flush=True)


if __name__ == "__main__":
    main()
