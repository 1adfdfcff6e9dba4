"""Right arguments for the figures of `nsm.plots`, and for `nsm.learning`."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import devices
import nsm
from crossbar import Hardware, Wires
from nsm import learning, plots, uncertainty
from nsm.plots.presets import CIRCUITS
from tests.helpers.force.array_calls import DEVICE
from tests.helpers.force.chip_calls import chip, rows, tolerances
from tests.helpers.force.network_calls import HARDWARE, X, Y, network
from tests.helpers.force.tries import Call, example

#: What decorates a figure, and what takes any number of Axes.
UNTRIED = {"styled", "separate_tick_labels"}
_P = np.array([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])


@cache
def _two_axes():
    axes = {"gain": [0.5, 1.0], "device.levels": [4, 8]}
    tasks = nsm.grid(network(), HARDWARE, axes)
    return nsm.collect(tasks, X, Y, chips=1, samples=2, rng=0, progress=False)


def _one_network():
    all_rows = rows()
    return all_rows[all_rows["network"] == "a"]


@cache
def _learned():
    return nsm.learn(chip(), X, Y, epochs=1, rng=0, validation=(X, Y), progress=False)


_LEARNING = {"rng": 0, "epochs": 1, "chips": 1, "reprogrammed_scale": 0.1, "save_to": None}


def _on_devices():
    return {"model": network(), "hardware": Hardware(device=DEVICE, gate=devices.BlankOut(0.5)),
            "names": ["rram_wu2018"], "x": X, "y": Y, **_LEARNING}  # fmt: skip


@cache
def _of_devices():
    return learning.learn_on_devices(**_on_devices(), validation=(X, Y))


@cache
def _map():
    from tests.helpers.force.chip_calls import CALLS

    return nsm.tolerance_map(**CALLS["nsm.tolerance_map"].arguments())


def _of_presets():
    told = {"preset": "one", "training_seed": 0, "error": 10.0, "images": 90}
    return pd.DataFrame([{**told, "circuit": circuit} for circuit in CIRCUITS])


def _rotations():
    x = np.linspace(0, 1, 8 * 9).reshape(8, 9)
    return uncertainty.over_rotation(lambda x: np.zeros((2, len(x), 2)), x, Y, [0.0, 30.0])


def _axes():
    ax = plots.figure()[1]
    ax.plot([0, 1], label="a line")
    ax.legend()
    return ax


def _firing():
    sums = network()
    v = sums[1].argument(sums[0](_tensor(X))).detach().numpy()
    return {"chip": chip(), "x": X, "argument": v, "samples": 5, "layer": 0, "rng": 0, "ax": None}


def _tensor(x):
    import torch

    return torch.as_tensor(x, dtype=torch.float32)


_HEAT = {"x": "gain", "y": "device.levels", "error_axis": "auto", "outlined": "none",
         "chance": None, "conditions": ""}  # fmt: skip
_CURVES = {"x": "gain", "group": None, "order": None, "software": None, "chance": None,
           "error_axis": "auto", "conditions": ""}  # fmt: skip


def _figures():
    """Return what makes the right arguments of each figure."""
    wires = Wires(r_row=1.0, r_col=1.0)
    fefet = devices.PRESETS["fefet_jerry2017"]
    return {
        "plot_conductance_map": lambda: {"chip": chip(), "layer": 0, "ax": None},
        "plot_firing_probability": _firing,
        "plot_weight_error": lambda: {"chip": chip(), "weights": None, "ax": None},
        "data_sheet": lambda: {"preset": fefet},
        "save_data_sheet": lambda: {"preset": fefet, "path": "sheet.svg"},
        "conditions": lambda: {"hardware": HARDWARE, "networks": {"a": network()}, "axis": "gain",
                               "values": [0.5], "recipe": "", "test": ""},
        "plot_gamma": lambda: {"devices": {"a": devices.preset("rram_levy2021")}, "ax": None},
        "facet_heat_map": lambda: {"rows": _two_axes(), "facet": "network", **_HEAT, "columns": 2},
        "plot_heat_map": lambda: {"rows": _two_axes(), **_HEAT, "colors": None, "ax": None},
        "plot_devices": lambda: {"rows": _of_devices(), "ax": None},
        "plot_learning": lambda: {"learned": {"a": _learned()}, "column": "error", "ax": None},
        "plot_pulses_per_cell": lambda: {"learned": {"a": _learned()}, "ax": None},
        "plot_walls": lambda: {"chips": {"a": chip()}, "layer": 0, "ax": None},
        "note_below": lambda: {"ax": _axes(), "lines": ["a", "b"]},
        "note_figure": lambda: {"figure": _axes().figure, "lines": ["a", "b"]},
        "draw_chip": lambda: {"chip": chip(), "model": network(), "x": X, "folder": Path()},
        "plot_preset_errors": lambda: {"rows": _of_presets(), "ax": None},
        "preset_table": lambda: {"presets": [fefet]},
        "figure": lambda: {"size": (3.0, 2.0)},
        "legend_above": lambda: {"ax": _axes()},
        "save_figure": lambda: {"ax": _axes(), "path": "figure.svg"},
        "style_of": lambda: {"network": "NSM"},
        "facet_error_rate": lambda: {"rows": rows(), "facet": "network", **_CURVES, "columns": 2},
        "tolerated": lambda: {"rows": _one_network(), "x": "gain", "nominal": 1.0,
                              "rising": False, "allowed": 1.0},
        "plot_tolerance_map": lambda: {"rows": _map(), "network": None, "ax": None},
        "plot_tolerances": lambda: {"tolerances": tolerances(), "ax": None, "small_print": True},
        "plot_over_rotation": lambda: {"rows": _rotations(), "quantity": "entropy",
                                       "group": None, "ax": None},
        "plot_reliability": lambda: {
            "table": uncertainty.reliability_table(_P, [0, 1, 1]), "group": None, "ax": None},
        "plot_tile_map": lambda: {"g": np.full((3, 2), 2e-5), "v": np.full(3, 0.1),
                                  "wires": wires, "quantity": "cell_voltage", "ax": None},
        "plot_wire_loss": lambda: {"sizes": [4, 8], "resistances": [1.0, 2.0],
                                   "conductance": 1e-5, "ax": None},
    }  # fmt: skip


CALLS = {
    **{f"nsm.plots.{n}": Call(getattr(plots, n), make) for n, make in _figures().items()},
    "nsm.learning.Gradient": example(learning.Gradient()),
    "nsm.learning.Coincidences": example(learning.Coincidences()),
    "nsm.learning.MixedPrecision": example(learning.MixedPrecision()),
    "nsm.learning.Rounding": example(learning.Rounding()),
    "nsm.learning.TikiTaka": example(learning.TikiTaka()),
    "nsm.learning.widened": Call(
        learning.widened, lambda: {"model": nsm.relu_mlp((4, 3, 2)), "factor": 2.0}
    ),
    "nsm.learning.learn_on_devices": Call(learning.learn_on_devices, _on_devices),
}
