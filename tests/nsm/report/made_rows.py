"""Rows and sidecars for tests of the page."""

from itertools import product

import pandas as pd

from crossbar import Hardware
from crossbar.hardware_options import hardware_options
from devices import BlankOut, NoNoise, preset
from nsm.report.swept import Swept
from nsm.sweeps.rows.sidecar import Sidecar

BASE = Hardware(
    device=preset("fefet_jerry2017", read_noise=NoNoise()), gate=BlankOut(0.5), tile_shape=(64, 64)
)
#: Names that a page must not take for its own text.
HOSTILE = "<script>alert(1)</script> \"quoted\" 'x' $a$\nnext line &amp; " + "long " * 30


def made_rows(axes, errors, networks=("NSM", "ReLU"), chips=2, images=1000):
    """Rows over all values of the axes; `errors(network, chip, **values)` counts wrong images."""
    names = list(axes)
    points = [dict(zip(names, values, strict=True)) for values in product(*axes.values())]
    return pd.DataFrame(
        [
            {
                "network": n, **point, "chip": c, "errors": errors(n, c, *point.values()),
                "images": images, "samples": 20, "seed": 11 + c, "elapsed": 0.5,
                "model": "m", "task": "t", "experiment": "e",
            }
            for n in networks
            for point in points
            for c in range(chips)
        ]
    )  # fmt: skip


def made_sidecar(hardware=BASE, *, networks=("NSM", "ReLU"), data="digits", **changes):
    """A sidecar of networks with tiles and errors in software of 4 and 3 %."""
    described = {
        name: {
            "layers": f"Sequential({name})",
            "error": 0.04 - 0.01 * i,
            "tiles": {"layer 1 (NSMLinear)": 6, "layer 2 (Linear)": 3},
            "energy": 1.5e-8,
            "latency": 2e-5,
            "area": 9.9e-7,
            "model": "m",
        }
        for i, name in enumerate(networks)
    }
    known = {
        "rows": "rows.csv", "experiment": "e", "started": "2026-11-27T01:00:00+00:00",
        "command": "nsm sweep rows.toml --seed 3", "versions": {"python": "3.11.7"},
        "machine": {"system": "Linux"}, "data": {"name": data, "images": 1000}, "seed": 3,
        "chips": 2, "samples": 20, "sampling": "exact", "networks": described,
        "hardware": hardware_options(hardware),
    }  # fmt: skip
    return Sidecar(**{**known, **changes})


def levels_and_gain(networks=("NSM", "ReLU")):
    """A grid in which the first network feels levels alone, and the others the gain too."""

    def errors(network, chip, levels, gain):
        felt = 0 if network == networks[0] else 400 * (gain != 1.0)
        return 40 + chip + {2: 300, 8: 15, 32: 0}[levels] + felt

    return made_rows({"device.levels": [2, 8, 32], "gain": [0.1, 1.0]}, errors, networks)


def made_swept(rows, sidecar=None, **options):
    """What a page knows of rows."""
    return Swept(rows=rows, file="rows.csv", sidecar=sidecar, **options)
