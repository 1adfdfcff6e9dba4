"""Right arguments for chips, sweeps, rows and verdicts of `nsm`."""

import copy
from dataclasses import fields
from functools import cache

import torch

import devices
import nsm
from crossbar import Adc, CostConstants, Dac, Hardware
from nsm.learning.settings import Settings
from tests.helpers.force.array_calls import DEVICE
from tests.helpers.force.network_calls import HARDWARE, X, Y, network
from tests.helpers.force.tries import Call, method

#: What functions return and users do not make.
RESULTS = {
    "Calibration", "Data", "Learned", "LearningRule", "MappedNetwork", "Measurement",
    "NeuronArray", "Sidecar", "Stream", "Tile", "TiledArray", "Tolerances",
}  # fmt: skip
_READS = {"x": X, "samples": 2, "rng": 0, "sampling": "exact"}


@cache
def _chip():
    return nsm.map_to_crossbar(network(), HARDWARE, rng=0)


def chip():
    """Return a small chip, made anew."""
    return copy.deepcopy(_chip())


@cache
def _open_chip():
    hardware = Hardware(device=DEVICE, gate=devices.BlankOut(0.5), adc=Adc(bits=6), dac=Dac(bits=6))
    return nsm.map_to_crossbar(network(), hardware, rng=0)


def _method(name, make=chip, **arguments):
    return method(make, name, **arguments)


def _chip_methods():
    """Return the methods of a chip."""
    labeled = {**_READS, "y": Y}
    many = {**_READS, "reads_at_once": 16384}
    constants = CostConstants()
    return {
        "age": _method("age", seconds=1.0),
        "block": _method("block", first=0, last=4, total=8, samples=2),
        "calibrate": _method(
            "calibrate", lambda: copy.deepcopy(_open_chip()), x=X, method="max", percentile=None,
            per="layer", compensation=None, rng=0,
        ),
        "calibrate_temperature": _method("calibrate_temperature", **labeled),
        "check_images": _method("check_images", x=X),
        "check_labels": _method("check_labels", y=Y, batch=8, classes=2),
        "circuit_needs": _method("circuit_needs", transimpedance=1e5, offset_voltage=0.005),
        "classify": _method("classify", **_READS, confidence=0.9),
        "compensate": _method("compensate", compensation="layer", reads=4, rng=0),
        "conductances": _method("conductances", layer=0),
        "cost": _method("cost", images=X, samples=1, constants=constants, rng=0),
        "effective_samples": _method("effective_samples", samples=4),
        "error_rate": _method("error_rate", **labeled),
        "errors": _method("errors", **labeled),
        "fail": _method("fail", faults=devices.StuckCells(p_stuck_lrs=0.1), rng=0),
        "layer": _method("layer", layer=0),
        "outputs": _method("outputs", x=X, rng=0, sampling="exact"),
        "predict": _method("predict", **_READS),
        "predict_proba": _method("predict_proba", **many, first=0),
        "sample": _method("sample", **many),
        "sample_proba": _method("sample_proba", **many),
        "sampled_tiles": _method("sampled_tiles", layer=0, rng=0),
        "save": _method("save", path="chip.safetensors", note=""),
        "scale_conductances": _method("scale_conductances", factor=0.5),
        "tile_currents": _method("tile_currents", layer=0, x=X, rng=0),
        "tiles": _method("tiles", layer=0),
        "weights": _method("weights", layer=0),
        "wrong": _method("wrong", **labeled, first=0),
        "write_cost": _method(
            "write_cost", pulses=devices.WRITE_PULSES["fefet_jerry2017"], start="g_min",
            constants=constants,
        ),
    }  # fmt: skip


def _chip_file():
    _chip().save("chip.safetensors")
    return "chip.safetensors"


def _chip_functions():
    return {
        "map_to_crossbar": Call(
            nsm.map_to_crossbar,
            lambda: {"model": network(), "hardware": HARDWARE, "rng": 0,
                     "reprogrammed_scale": 1.0, "example": X},
        ),
        "load_chip": Call(
            nsm.load_chip, lambda: {"path": _chip_file(), "model": None, "classes": ()}
        ),
        "TorchChip": Call(
            nsm.TorchChip,
            lambda: {"chip": chip(), "device": "cpu", "dtype": torch.float32},
        ),
        "calibrated_hardware": Call(nsm.calibrated_hardware, lambda: {"chip": chip()}),
        "compare_costs": Call(
            nsm.compare_costs,
            lambda: {"chips": {"a": chip()}, "x": X, "y": Y, "samples": {"a": 2},
                     "confidence": 0.9, "constants": CostConstants(), "rng": 0},
        ),
        "learn": Call(
            nsm.learn,
            lambda: {"chip": chip(), "x": X, "y": Y, "epochs": 1, "rng": 0, "validation": None,
                     "pulses": None, "checkpoint": None, "progress": False},
        ),
        "tune": Call(
            nsm.tune,
            lambda: {"chip": chip(), "x": X, "y": Y, "steps": 2, "batch_size": 4, "lr": 0.02,
                     "rng": 0},
        ),
    }  # fmt: skip


def _learning():
    """Return learning with all of its settings, none of which is without effect."""
    settings = Settings(
        epochs=1, path="rewritten", rewrite_every=4, refresh_every=4, refresh_above=0.8,
        leave_out=0.0, measure_every=8, validation_samples=1,
    )  # fmt: skip
    given = {field.name: getattr(settings, field.name) for field in fields(settings)}
    data = {"x": X, "y": Y, "validation": (X, Y)}

    def learn(**settings):
        return nsm.learn(chip(), **data, rng=0, progress=False, **settings)

    return Call(learn, lambda: dict(given), lambda: Settings)


def _tasks():
    return nsm.grid(network(), HARDWARE, {"gain": [0.5, 1.0]})


@cache
def _rows():
    return nsm.collect(
        nsm.grid({"a": network(), "b": network()}, HARDWARE, {"gain": [0.5, 1.0]}), X, Y,
        chips=2, samples=2, rng=0, progress=False,
    )  # fmt: skip


def rows():
    """Return rows of a sweep of two networks, made anew."""
    return _rows().copy()


def rows_file(name="rows.csv", networks=("a", "b")):
    from pathlib import Path

    for path in Path().glob(name.replace(".csv", ".*")):
        path.unlink()
    nsm.collect(
        nsm.grid({n: network() for n in networks}, HARDWARE, {"gain": [0.5, 1.0]}), X, Y,
        chips=1, samples=2, rng=0, progress=False, save_to=name,
    )  # fmt: skip
    return name


def _merged():
    from pathlib import Path

    for path in Path().glob("merged.*"):
        path.unlink()
    return {"paths": [rows_file("a.csv", "a"), rows_file("b.csv", "b")], "out": "merged.csv"}


def _sweeps():
    return {
        "Task": Call(
            nsm.Task,
            lambda: {"network": "a", "model": network(), "hardware": HARDWARE, "base": HARDWARE,
                     "gain": 1.0, "reprogrammed_scale": 1.0, "seconds": 0.0,
                     "compensation": None, "parameters": {}},
        ),
        "Hardwares": Call(nsm.Hardwares, lambda: {"hardwares": {"a": HARDWARE}}),
        "Range": Call(nsm.Range, lambda: {"start": 0.1, "stop": 1.0, "num": 3, "scale": "linear"}),
        "Until": Call(nsm.Until, lambda: {"errors": 10, "precision": None}),
        "grid": Call(
            nsm.grid,
            lambda: {"model": network(), "hardware": HARDWARE, "axes": {"gain": [0.5, 1.0]},
                     "zipped": ()},
        ),
        "collect": Call(
            nsm.collect,
            lambda: {"tasks": _tasks(), "x": X, "y": Y, "chips": 1, "samples": 2, "rng": 0,
                     "save_to": None, "executor": None, "progress": False, "sampling": "exact",
                     "calibrate": None, "part": None, "block": None, "until": None,
                     "keep_wrong": False},
        ),
        "compare": Call(
            nsm.compare,
            lambda: {"rows": rows(), "x": "gain", "a": "a", "b": "b", "column": "network",
                     "confidence": 0.95},
        ),
        "interval": Call(
            nsm.interval, lambda: {"rows": rows(), "by": None, "confidence": 0.95}
        ),
        "merge_rows": Call(nsm.merge_rows, _merged),
        "read_rows": Call(nsm.read_rows, lambda: {"path": rows_file()}),
        "to_xarray": Call(nsm.to_xarray, lambda: {"rows": rows()}),
        "plot_error_rate": Call(
            nsm.plot_error_rate,
            lambda: {"rows": rows(), "x": "gain", "group": "network", "order": None,
                     "software": None, "chance": None, "error_axis": "auto", "conditions": "",
                     "ax": None},
        ),
    }  # fmt: skip


def _many():
    import numpy as np

    return np.tile(X, (5, 1)), np.tile(Y, 5)


def _verdicts():
    x, y = _many()
    common = {"model": network(), "hardware": HARDWARE, "x": x, "y": y, "samples": 1, "blocks": 4,
              "rng": 0, "sampling": "exact", "calibrate": None, "workers": 1,
              "progress": False}  # fmt: skip
    return {
        "tolerances": Call(
            nsm.tolerances,
            lambda: {**common, "loss": 0.5, "confidence": 0.8, "axes": ["gain, falling"],
                     "step": 4.0, "on_result": None},
        ),
        "tolerance_map": Call(
            nsm.tolerance_map,
            lambda: {**common, "axes": ["gain, falling", "gain, rising"], "found": None,
                     "points": 2},
        ),
    }  # fmt: skip


@cache
def tolerances():
    return nsm.tolerances(**_verdicts()["tolerances"].arguments())


_CALLS = {**_chip_functions(), **_sweeps(), **_verdicts()}
CALLS = {f"nsm.{name}": call for name, call in _CALLS.items()}
CALLS["nsm.Tolerances.save"] = method(tolerances, "save", path="tolerances.csv")
CALLS["nsm.learn.settings"] = _learning()
CALLS |= {f"nsm.MappedNetwork.{name}": call for name, call in _chip_methods().items()}
