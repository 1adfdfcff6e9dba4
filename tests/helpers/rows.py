"""Rows of an experiment of one task."""

from nsm.sweeps.rows.experiment import IDENTITY

COLUMNS = ["network", "chip", "errors", "task", "experiment"]
EXPERIMENT = f"{IDENTITY}-data-hardware-settings"


def row(chip, **changes):
    return {
        "network": "a, b",
        "chip": chip,
        "errors": 0.1 + 0.2,
        "task": "t",
        "experiment": EXPERIMENT,
    } | changes
