"""Right arguments for networks, training, data and measurements of `nsm`."""

from functools import cache

import numpy as np
import torch

import devices
import nsm
from crossbar import Hardware
from nsm.measurements import Measurement
from tests.helpers.force.array_calls import DEVICE
from tests.helpers.force.tries import Call

HARDWARE = Hardware(device=DEVICE, gate=devices.BlankOut(0.5), tile_shape=(8, 8))
X = np.random.default_rng(0).random((8, 4)).round(3)
Y = np.arange(8) % 2


@cache
def _network():
    torch.manual_seed(0)
    return nsm.nsm_mlp((4, 3, 2))


def network():
    """Return a small NSM, made anew: a function may change it."""
    import copy

    return copy.deepcopy(_network())


def _layers():
    sampling = {"bias": True, "noise": "bernoulli", "p": 0.5, "sigma": 1.0, "site": "synapse",
                "beta": "learned"}  # fmt: skip
    return {
        "Binarize": Call(nsm.Binarize, lambda: {"threshold": 0.5, "flip": 0.1}),
        "BinarizePerPixel": Call(nsm.BinarizePerPixel, lambda: {"shape": (1, 4, 4), "flip": 0.1}),
        "BinarizePerPixel.of_median": Call(
            nsm.BinarizePerPixel.of_median, lambda: {"images": X, "flip": 0.1}
        ),
        "Thermometer": Call(
            nsm.Thermometer, lambda: {"levels": 3, "low": 0.0, "high": 1.0, "flip": 0.1}
        ),
        "NSMLinear": Call(
            nsm.NSMLinear, lambda: {"in_features": 4, "out_features": 3, **sampling}
        ),
        "NSMConv2d": Call(
            nsm.NSMConv2d,
            lambda: {"in_channels": 1, "out_channels": 2, "kernel_size": 3, "stride": 1,
                     "padding": 0, **sampling, "locations": None},
        ),
        "SigmoidLinear": Call(
            nsm.SigmoidLinear, lambda: {"in_features": 4, "out_features": 3}
        ),
        "all_conv_net": Call(
            nsm.all_conv_net,
            lambda: {"rule": "bNSM", "classes": 10, "width": 0.05, "per_location": False},
        ),
        "residual_net": Call(
            nsm.residual_net,
            lambda: {"rule": "NSM", "shape": (1, 8, 8), "classes": 10, "width": 2, "blocks": 1},
        ),
        "conv_net": Call(
            nsm.conv_net,
            lambda: {"rule": "bNSM", "shape": (1, 28, 28), "classes": 10, "hidden": 8,
                     "flip": 0.1, "per_location": False},
        ),
        "gesture_net": Call(nsm.gesture_net, lambda: {"rule": "bNSM", "per_location": False}),
        "nsm_mlp": Call(
            nsm.nsm_mlp, lambda: {"widths": (4, 3, 2), "flip": 0.1, "p": 0.5}
        ),
        "relu_mlp": Call(nsm.relu_mlp, lambda: {"widths": (4, 3, 2), "dropout": 0.1}),
        "stnn_mlp": Call(nsm.stnn_mlp, lambda: {"widths": (4, 3, 2), "flip": 0.1}),
        "bd_mlp": Call(nsm.bd_mlp, lambda: {"widths": (4, 3, 2), "flip": 0.1}),
    }  # fmt: skip


def _weights_file():
    nsm.save_weights(network(), "weights.safetensors")
    return "weights.safetensors"


def _network_file():
    nsm.save(network(), "network.safetensors")
    return "network.safetensors"


def _files():
    return {
        "load": Call(
            nsm.load,
            lambda: {"path": _network_file(), "classes": (), "dtype": torch.float32},
        ),
        "save": Call(
            nsm.save,
            lambda: {"model": network(), "path": "a.safetensors", "dtype": None, "note": ""},
        ),
        "load_weights": Call(
            nsm.load_weights,
            lambda: {"model": network(), "path": _weights_file(), "prefix": ""},
        ),
        "save_weights": Call(
            nsm.save_weights,
            lambda: {"model": network(), "path": "a.safetensors", "dtype": None, "note": ""},
        ),
        "load_data": Call(
            nsm.load_data,
            lambda: {"source": "digits", "data_dir": None, "white": None, "label_column": None,
                     "image_shape": None, "test_fraction": None, "split_seed": None},
        ),
    }  # fmt: skip


def _training():
    common = {"epochs": 1, "rng": 0, "lr": 0.001, "lr_schedule": "cosine", "batch_size": 4,
              "weight_decay": 0.0, "label_smoothing": 0.0, "ema_decay": 0.0, "augment": None,
              "weight_bound": None, "hardware": None, "wires_every": None, "validation": None,
              "validation_samples": 10, "measure": None, "checkpoint": None,
              "progress": False}  # fmt: skip
    return {
        "fit": Call(nsm.fit, lambda: {"model": network(), "x": X, "y": Y, **common}),
        "initialize": Call(nsm.initialize, lambda: {"model": network(), "x": X, "rng": 0}),
        "error_rate": Call(
            nsm.error_rate,
            lambda: {"model": network(), "x": X, "y": Y, "samples": 2, "rng": 0},
        ),
        "predict_proba": Call(
            nsm.predict_proba, lambda: {"model": network(), "x": X, "samples": 2, "rng": 0}
        ),
        "quantize_weights": Call(
            nsm.quantize_weights,
            lambda: {"model": network(), "levels": 4, "scale": "layer", "biases": False},
        ),
        "scale_weights": Call(
            nsm.scale_weights, lambda: {"model": network(), "factor": 0.5, "biases": True}
        ),
        "clip_weights": Call(
            nsm.clip_weights,
            lambda: {"model": network(), "weight_range": 99.0, "levels": None, "scale": "layer"},
        ),
        "hardware_aware": Call(
            nsm.hardware_aware,
            lambda: {"model": network(), "hardware": HARDWARE, "rng": 0, "wires_every": None,
                     "range_every": None, "example": X},
        ),
    }  # fmt: skip


def table_of_cells():
    with open("programmed.csv", "w", encoding="utf-8") as file:
        rng = np.random.default_rng(0)
        file.write("target [µS],got [µS]\n")
        for target in np.repeat([5, 10, 20, 40], 30):
            file.write(f"{target},{target + rng.normal(0, 0.3):.3f}\n")
    return "programmed.csv"


def _measured():
    return nsm.read_measurement(table_of_cells(), "programming")


def _fitted():
    measured = _measured()
    return [(measured, nsm.fit_measurement(measured))]


def _trace():
    """Return a measured trace of telegraph noise."""
    states = np.repeat(np.tile([1e-5, 2e-5], 30), 10)
    trace = states + np.random.default_rng(0).normal(0, 1e-7, states.size)
    arrays = {"trace": trace, "period": 0.01}
    told = {"cells": (), "counts": {}, "notes": (), "used": frozenset()}
    return Measurement(kind="telegraph", path="trace.csv", arrays=arrays, **told)


def _measurements():
    return {
        "fit_measurement.telegraph": Call(
            nsm.fit_measurement,
            lambda: {"measurement": _trace(), "rng": 0, "process": None, "levels": 2,
                     "active": False},
        ),
        "read_measurement": Call(
            nsm.read_measurement,
            lambda: {"path": table_of_cells(), "kind": "programming", "unit": None, "columns": None,
                     "period": None, "read_voltage": None, "cell": (), "reads": None,
                     "g_min": None, "g_max": None, "sheet": None, "strict": True},
        ),
        "fit_measurement": Call(
            nsm.fit_measurement,
            lambda: {"measurement": _measured(), "rng": 0, "process": None},
        ),
        "write_device": Call(
            nsm.write_device,
            lambda: {"path": "mine.toml", "fitted": _fitted(), "g_min": 5e-6, "g_max": 4e-5,
                     "technology": "", "citation": "", "replace": True},
        ),
    }  # fmt: skip


_CALLS = {**_layers(), **_files(), **_training(), **_measurements()}
CALLS = {f"nsm.{name}": call for name, call in _CALLS.items()}
