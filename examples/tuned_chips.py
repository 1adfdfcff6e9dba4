"""Tuning of single chips: 200 steps on what lives in the periphery, no cell written.

    python examples/tuned_chips.py [FOLDER]      (about 15 minutes on one core)

The shipped NSM perceptron on the chips of trained_for_the_chip.py, and on phase-change cells after
a year of drift, before and after `nsm.tune`. Rows are kept in FOLDER/tuned.csv (default:
results/tuned_chips); the same command resumes after a kill. Needs the MNIST files, from
NSM_DATA_DIR or a download.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from trained_for_the_chip import CHIPS, CLEAN, CONDITIONS, IMAGES, SAMPLES, rule_of
from usage import arguments

import nsm
from crossbar import Hardware
from crossbar.threads import set_threads
from devices import NoNoise, preset

YEAR = 365.25 * 24 * 3600.0
STEPS = 200
DRIFTING = "PCM after a year"
#: Phase-change cells without their 1/f noise, which would be read cell by cell.
PCM = replace(
    CLEAN, device=replace(preset("pcm_nandakumar2019"), read_noise=NoNoise()), weight_range=99.0
)


def main(folder: Path) -> None:
    """Measure everything, and print the table [%]."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    set_threads(1)
    data = nsm.load_data("mnist")
    path = folder / "tuned.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(row["condition"], row["chip"]) for row in rows}
    hardwares = {name: rule_of(bad) for name, bad in CONDITIONS.items()} | {DRIFTING: PCM}
    for condition, hardware in hardwares.items():
        for seed in CHIPS:
            if (condition, seed) in done:
                continue
            errors_of_chip = measured(condition, hardware, seed, data)
            rows.append({"condition": condition, "chip": seed, **errors_of_chip})
            pd.DataFrame(rows).to_csv(path, index=False)
    errors = pd.DataFrame(rows).groupby("condition", sort=False)[["new", "before", "after"]]
    print((100 * errors.agg(["mean", "std"])).round(2).to_string())


def measured(
    condition: str, hardware: Hardware, seed: int, data: "nsm.datasets.Data"
) -> dict[str, float]:
    """Return the errors of one chip: new, and before and after it is tuned."""
    x, y = data.x_test[:IMAGES], data.y_test[:IMAGES]
    chip = nsm.map_to_crossbar(nsm.load("mnist_mlp"), hardware, rng=seed)
    new = chip.error_rate(x, y, SAMPLES, rng=0)
    before = new
    if condition == DRIFTING:
        chip.age(YEAR)
        before = chip.error_rate(x, y, SAMPLES, rng=0)
    nsm.tune(chip, data.x_train, data.y_train, steps=STEPS, rng=seed)
    return {"new": new, "before": before, "after": chip.error_rate(x, y, SAMPLES, rng=0)}


if __name__ == "__main__":
    main(Path(*arguments() or ["results/tuned_chips"]))
