"""Reports of a chip: how its layers were mapped, and what its reads are worth."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from crossbar import NeuronArray, TiledArray
from crossbar.arrays import precision
from crossbar.arrays.limits import limit_warnings
from crossbar.arrays.programmed import Matrix
from devices.validation import Floats
from nsm.chips.compensation import compensation_columns
from nsm.chips.layers.readouts import Converter
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.noise_matching import MatchedNeurons
from nsm.chips.planning.plan import name_of

if TYPE_CHECKING:
    import pandas as pd

    from nsm.chips.planning.checked_plan import CheckedPlan

#: Weights whose errors are in memory at a time.
_WEIGHTS_AT_ONCE = 1 << 18
#: Static-to-noise ratio above which the programming error of the deterministic path outweighs the
#: noise that computes.
_PRECISE_PATH = 1.0


#: The columns that a reader looks at first.
_FIRST = ("layer", "where", "multiply_adds", "why")


def report(network: nn.Module, plan: "CheckedPlan") -> "pd.DataFrame":
    """Return one row per layer of a network, with the values at the time of mapping.

    The layers on tiles come first, in order, then what is digital.

    `where` is "tiles" or "digital", `why` the reason for the latter, and `multiply_adds` the share
    of the network's multiply-adds. A row of a layer on tiles tells the shape, tiles, siemens per
    weight, share of clipped weights, β, a, how well the layer was programmed, and warnings. Errors
    are rms, divided by `w_max`, the |w| that fills the device's range: `weight_error_rms` of the
    programmed weights, `effective_error_rms` of the effective weights, after IR drop (the smaller
    one with `compensate_wires`). `beta_effective` is the median over neurons of the β that the
    chip's reads show, with wires, errors and pedestals. `static_to_noise_ratio` and
    `spread_to_noise_ratio` are medians of `crossbar.arrays.precision`'s. These three, β and a are
    filled for neural sampling layers only. `difference` is that of the outputs with ideal tiles
    from those of the network, relative to the largest, which was measured when it was mapped.
    `dac` is the converter of the inputs, "ideal" for exact voltages. `input_scale` is the input
    that is driven with the read voltage, and `largest_voltage` [V] what inputs have caused so far;
    NaN before. `clipped_inputs` and `clipped_currents` are the shares that the converters of a
    layer clipped since mapping or calibration; NaN before the first read, and without converters.
    `compensation` is what has one factor, "layer" or "column", empty if the layer is not
    compensated, or why it need not be; `compensation_factor` is the mean factor of the outputs, and
    `compensation_error` its relative standard error (see `compensation.compensate`). `tuning` names
    the parameters of the periphery that `nsm.tune` has set; empty if it has set none.

    Args:
        network: The network of the chip.
        plan: The plan that it was made from.
    """
    import pandas as pd

    counts = plan.checked.multiply_adds
    total = max(sum(counts.values()), 1)
    on_tiles, digital, reasons = [], [], dict(plan.reasons)
    for name, module in network.named_modules():
        path = str(getattr(module, "path", name))
        share = counts.get(path, 0) / total
        if isinstance(module, TileLayer):
            on_tiles.append(_on_tiles(module, share))
        elif not any(True for _ in module.children()) or path in reasons:
            title = getattr(module, "name", name_of(path, type(module).__name__))
            digital.append(_digital(title, share, reasons.pop(path, "") or _why(module)))
    digital += [_digital(f"layer {path}", 0.0, why) for path, why in reasons.items()]
    if counts.get("") and "" not in plan.reasons:
        digital.append(
            _digital("the network's own forward", counts[""] / total, "no layer does it")
        )
    rows = on_tiles + digital
    frame = pd.DataFrame(rows)
    frame["difference"] = plan.checked.difference
    frame = frame[[*_FIRST, *(column for column in frame if column not in _FIRST)]]
    for column in ("readout", "read_path", "path_chosen_by", "warning", "compensation", "tuning"):
        frame[column] = frame[column].fillna("")
    for column in ("inputs", "outputs", "tiles"):
        frame[column] = frame[column].astype("Int64")
    return frame


def tile_count(layer: TileLayer) -> int:
    """Return the number of tiles of a layer, those of biases and deterministic path included."""
    return sum(len(part.array.all_tiles()) for part in layer.neurons.parts())


def clipped_currents(layer: TileLayer) -> float:
    """Return the share of currents that a layer's converters clipped; NaN without conversions."""
    return layer.readout.clipped if isinstance(layer.readout, Converter) else math.nan


def _on_tiles(layer: TileLayer, share: float) -> dict[str, object]:
    drivers = layer.neurons.drivers
    warnings = [str(layer.report.get("warning", "")), *limit_warnings(layer.neurons)]
    return {
        **layer.report,
        "warning": "; ".join(filter(None, warnings)),
        "dac": "ideal" if drivers.dac is None else f"{drivers.dac.bits} bits",
        "input_scale": math.nan if drivers.input_scale is None else drivers.input_scale,
        "largest_voltage": drivers.largest_voltage,
        "clipped_inputs": layer.neurons.drivers.clips.share,
        "clipped_currents": clipped_currents(layer),
        **compensation_columns(layer),
        "tuning": layer.tuning.of,
        "where": "tiles",
        "multiply_adds": share,
        "why": "",
    }


def _digital(name: str, share: float, why: str) -> dict[str, object]:
    return {"layer": name, "where": "digital", "multiply_adds": share, "why": why, "tiles": 0}


def _why(module: nn.Module) -> str:
    """Return why a module is not on tiles."""
    if isinstance(module, nn.Embedding):
        return "it looks rows up and multiplies nothing"
    if any(True for _ in module.parameters()) or any(True for _ in module.buffers()):
        return "its parameters scale and shift values one by one"
    return "it has no weights"


def effective_samples(layers: Sequence[TileLayer], samples: int) -> "pd.DataFrame":
    """Return how many independent reads `samples` consecutive ones are worth, a row per layer.

    A row has the median, smallest and largest number over outputs. Reads of slow traps agree with
    each other, so that their mean averages out less noise. Two samples are as many reads apart as
    one pass reads the layer: at every location of an image, in every step of a sequence. That is
    the number of the last pass, or of the one with which the mapping was checked.

    Args:
        layers: The layers on tiles.
        samples: Number of consecutive samples.
    """
    import pandas as pd

    rows = []
    for layer in layers:
        s = precision.effective_samples(layer.neurons, samples, locations=layer.reads_per_pass)
        known = s[np.isfinite(s)] if np.isfinite(s).any() else np.array([np.nan])
        rows.append(
            {
                "layer": layer.name,
                "median": np.median(known),
                "min": known.min(),
                "max": known.max(),
            }
        )
    return pd.DataFrame(rows)


def row_of(
    layer: TileLayer, *, w: Floats, w_max: float, clipped: float, matched: MatchedNeurons | None
) -> dict[str, object]:
    """Return the report's row of a layer that was just programmed.

    Args:
        layer: The layer.
        w: Trained weights with row factors, (outputs, inputs).
        w_max: Largest |w|.
        clipped: Share of weights that were clipped.
        matched: Parameters of a neural sampling layer; None for other layers.
    """
    neurons = layer.neurons
    weight_error, effective_error = _rms_errors(layer)
    static = spread = beta = math.nan
    of_neurons: dict[str, object] = {}
    if matched is not None:
        of_neurons = {
            "beta_min": matched.beta.min(),
            "beta_max": matched.beta.max(),
            "a_min": matched.a.min(),
            "a_max": matched.a.max(),
            "beta_of_device": matched.beta_of_device,
        }
        static = float(np.median(precision.static_to_noise_ratio(neurons)))
        spread = float(np.median(precision.spread_to_noise_ratio(neurons)))
        beta = _effective_beta(neurons, w)
    return {
        "layer": layer.name,
        "readout": layer.readout.name,
        "inputs": w.shape[1],
        "outputs": w.shape[0],
        "tiles": tile_count(layer),
        "siemens_per_weight": neurons.siemens_per_weight,
        "w_max": w_max,
        "read_path": neurons.main.reader.describe(),
        "path_chosen_by": neurons.main.reader.chosen_by(),
        "clipped": clipped,
        "weight_error_rms": weight_error / w_max,
        "effective_error_rms": effective_error / w_max,
        **of_neurons,
        "static_to_noise_ratio": static,
        "spread_to_noise_ratio": spread,
        "beta_effective": beta,
        "warning": "" if matched is None else _warning(static, spread, matched),
    }


def _rms_errors(layer: TileLayer) -> tuple[float, float]:
    """Return the root mean square errors of programmed and effective weights."""
    main = layer.neurons.main
    if not isinstance(main, TiledArray):
        return _rms(layer.weight_error), _rms(main.effective_weights - layer.wanted)
    cells = main.joined()
    error = _rms_error(layer, main, cells.g_pos, cells.g_neg)
    if main.hardware.wires is None:
        return error, error
    return error, _rms_error(layer, main, cells.effective_pos, cells.effective_neg)


def _rms(x: Floats) -> float:
    return float(np.sqrt((x**2).mean()))


def _rms_error(layer: TileLayer, main: TiledArray, g_pos: Floats, g_neg: Floats) -> float:
    """Return the root mean square of the weights of conductances [S] minus the wanted weights."""
    wanted = layer.wanted
    outputs, inputs = wanted.shape
    reference_of = main.joined().reference_of

    def squares(start: int, stop: int) -> Floats:
        """Return the squared errors of some weights, counted row by row."""
        rows = slice(start // inputs, -(-stop // inputs))
        neg = g_neg[:, rows] if reference_of is None else g_neg[:, reference_of[rows]]
        weights = main.hardware.mapping.weights(g_pos[:, rows], neg, main.siemens_per_weight)
        first = rows.start * inputs
        return np.square(weights - wanted[rows]).ravel()[start - first : stop - first]

    return math.sqrt(_pairwise_sum(squares, 0, outputs * inputs) / (outputs * inputs))


def _pairwise_sum(values: Callable[[int, int], Floats], start: int, stop: int) -> float:
    """Return Σ values(start, stop) by halves, as `numpy.sum` adds up an array that is in memory."""
    n = stop - start
    if n <= _WEIGHTS_AT_ONCE:
        return float(values(start, stop).sum())
    middle = start + n // 2 - n // 2 % 8
    return _pairwise_sum(values, start, middle) + _pairwise_sum(values, middle, stop)


def _effective_beta(neurons: NeuronArray, w: Floats) -> float:
    """Return the median over noisy neurons of β as the chip's reads show it.

    β is the mean of u along w, divided by √(2 Var u). A neuron whose cells are all at g_min may
    have lost its noise; it is left out.
    """
    norm = np.linalg.norm(w, axis=1, keepdims=True) + np.finfo(float).tiny

    def along(matrix: Matrix) -> Floats:
        blocks = matrix.reader.moments.mean_blocks()
        return np.concatenate([(mean.T * (w[at] / norm[at])).sum(axis=1) for at, mean in blocks])

    signal = along(neurons.main)
    if neurons.deterministic_path is not None:
        signal = signal + neurons.a * along(neurons.deterministic_path)
    variance = neurons.variance_of_signs()
    noisy = variance > 0
    if not noisy.any():
        return math.inf
    return float(np.median(signal[..., noisy] / np.sqrt(2 * variance[noisy])))


def _warning(static: float, spread: float, matched: MatchedNeurons) -> str:
    """Return why a layer on the chip is not the one that was trained, or an empty text.

    The programming of its deterministic path may be too coarse, gates may differ from each other,
    and training may have had relaxed states.
    """
    found = []
    if static > _PRECISE_PATH:
        found.append(
            "the deterministic path must be more precise than the device can be programmed: its "
            f"static error has {static:.2g} times the variance of the noise; use a stronger gate, "
            "or a device that is programmed better"
        )
    if spread > _PRECISE_PATH and matched.a.any():
        found.append(
            "the deterministic path keeps β as if all gates were the average one, but they differ: "
            f"their fixed pattern has {spread:.2g} times the variance of the noise; use gates of "
            'less spread, or a network of beta="native" with deterministic_path = "none"'
        )
    if matched.relaxed:
        found.append(
            "the layers behind it were trained on relaxed states between -1 and +1 (BinConcrete), "
            "and the chip gives them ±1: it is another network than the one in software; train "
            "the last epochs with an NSM layer of the same weights"
        )
    return "; ".join(found)
