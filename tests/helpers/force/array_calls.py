"""Right arguments for the public names of `crossbar`."""

import numpy as np

import crossbar
import devices
from crossbar import Adc, Dac, Hardware, Wires
from devices import Device, Place
from tests.helpers.force.tries import Call, example, method

DEVICE = Device(g_min=1e-6, g_max=1e-4, levels=64, pulses=devices.SoftBoundsPulses(
    g_min=1e-6, g_max=1e-4, step=0.01))  # fmt: skip
HARDWARE = Hardware(device=DEVICE, gate=devices.BlankOut(0.5), tile_shape=(8, 8))
_W = np.array([[0.5, -0.2, 0.1], [0.3, 0.4, -0.6]])
_K = 1e-4
_X = np.array([[1.0, -1.0, 1.0], [0.0, 1.0, 1.0]])
_G = np.full((3, 2), 2e-5)


def _tile(cls=crossbar.TiledArray):
    return cls.program(_W, HARDWARE, siemens_per_weight=_K, rng=0)


def _neurons():
    return crossbar.NeuronArray.program(_W, HARDWARE, siemens_per_weight=_K, rng=0)


def _array_methods():
    """Return the methods of arrays, tiles and layers."""
    found = {}
    makers = {
        "Tile": lambda: _tile(crossbar.Tile), "TiledArray": _tile, "NeuronArray": _neurons,
    }  # fmt: skip
    for name, make in makers.items():
        reads = {"x": _X, "rng": 0, "sampling": "exact", "reads_per_input": 1}
        found |= {
            f"{name}.read": method(make, "read", **reads),
            f"{name}.moments": method(make, "moments", x=_X),
            f"{name}.age": method(make, "age", seconds=1.0),
            f"{name}.scale_conductances": method(make, "scale_conductances", factor=0.5),
            f"{name}.fail": method(make, "fail", faults=devices.StuckCells(p_stuck_lrs=0.1), rng=0),
        }
        if name != "NeuronArray":
            pulses = np.zeros((2, 3), dtype=int) + 1
            found |= {
                f"{name}.pulse": method(make, "pulse", n=pulses, rng=0, pair="both"),
                f"{name}.coincide": method(
                    make, "coincide", e=np.array([0.1, -0.1]), x=_X[0], rate=0.1, rng=0,
                    length=31, pair="both",
                ),
                f"{name}.read_transposed": method(
                    make, "read_transposed", e=np.array([[0.1, -0.1]]), rng=0, reads="gated",
                    sampling="exact",
                ),
                f"{name}.program": Call(
                    getattr(crossbar, name).program,
                    lambda: {"w": _W, "hardware": HARDWARE, "siemens_per_weight": _K, "rng": 0,
                             "place": Place()},
                ),
            }  # fmt: skip
    found["NeuronArray.program"] = Call(
        crossbar.NeuronArray.program,
        lambda: {"w": _W, "hardware": HARDWARE, "siemens_per_weight": _K, "a": np.zeros(2),
                 "b": np.zeros(2), "tile_factors": None, "converted": True, "name": "a layer",
                 "rng": 0},
    )  # fmt: skip
    return found


def _wires():
    return Wires(r_row=1.0, r_col=2.0)


def _wire_methods():
    """Return the methods of wires."""
    volts, variance = np.full(3, 0.1), np.full((3, 2), 1e-12)
    return {
        "Wires.currents": method(_wires, "currents", g=_G, v=volts, iv=None),
        "Wires.node_voltages": method(_wires, "node_voltages", g=_G, v=volts, iv=None),
        "Wires.effective_conductance": method(_wires, "effective_conductance", g=_G),
        "Wires.noise_variance": method(_wires, "noise_variance", g=_G, v=volts, variance=variance),
        "Wires.noise_transfer": method(_wires, "noise_transfer", g=_G, variance=variance),
        "Wires.compensated": method(
            _wires, "compensated", target=_G, g_min=1e-6, g_max=1e-4, steps=3
        ),
    }


def _functions():
    """Return a call for each function."""
    by_row = {"w": _W, "w_max": 0.6, "hardware": Hardware(device=DEVICE, weight_scale="row")}
    by_tile = {"w": _W, "w_max": 0.6, "hardware": Hardware(device=DEVICE, weight_scale="tile")}
    return {
        "largest_weight": Call(crossbar.largest_weight, lambda: {"w": _W, "hardware": HARDWARE}),
        "row_factors": Call(crossbar.row_factors, lambda: {**by_row, "bias": np.zeros(2)}),
        "tile_factors": Call(crossbar.tile_factors, lambda: dict(by_tile)),
        "to_spice": Call(
            crossbar.to_spice, lambda: {"g": _G, "v": np.full(3, 0.1), "wires": _wires()}
        ),
    }


_DESCRIPTIONS = [
    Adc(bits=8), Dac(bits=8), HARDWARE, _wires(), crossbar.BalancedPair(),
    crossbar.DifferentialPair(), crossbar.ReferenceColumn(), crossbar.BitSliced(),
    crossbar.Comparator(), crossbar.CostConstants(),
]  # fmt: skip
_CLASSES = {type(value).__name__: example(value) for value in _DESCRIPTIONS}
_CALLS = {**_CLASSES, **_functions(), **_array_methods(), **_wire_methods()}
CALLS = {f"crossbar.{name}": call for name, call in _CALLS.items()}
