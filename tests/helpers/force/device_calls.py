"""Right arguments for the public names of `devices`."""

from pathlib import Path

import numpy as np

import devices
from devices import GATES, PRESETS
from tests.helpers import device_models, fits
from tests.helpers.force.tries import Call, example

#: What functions return and users do not make.
RESULTS = {
    "ActiveSegment", "ActiveSegments", "CellNoise", "DomainState", "DwellTest", "Estimate", "Fit",
    "LevelsFit", "Place", "PreisachState", "ProgrammingFit", "PulsedCells", "PulsesFit",
    "ReadNoiseFit", "TelegraphFit", "TemperatureFit", "Verified",
}  # fmt: skip
_PROCESS = device_models.RELAXATION
_G = np.linspace(5e-6, 4e-5, 60)


def _more_examples():
    """Return examples of the descriptions that `device_models` leaves out."""
    return [
        devices.preset("fefet_jerry2017"),
        devices.Bake(start=_G, later=_G, seconds=3600.0, temperature=400.0),
        devices.Preisach(p_s=0.3, p_r=0.2, e_c=1e8),
        PRESETS["fefet_jerry2017"],
        devices.WRITE_PULSES["fefet_jerry2017"],
    ]


def descriptions():
    """Return a call for each class of descriptions: the example with most fields set."""
    found = {}
    for value in (*device_models.ALL_MODELS, *_more_examples()):
        if type(value).__name__ != "ProductNoise":
            found[type(value).__name__] = example(value)
    found["ProductNoise"] = Call(  # takes its factors by position
        lambda factor: devices.ProductNoise(factor, devices.BlankOut(0.3)),
        lambda: {"factor": devices.LognormalNoise(0.2)},
    )
    return found


def _traces():
    g = np.array([1e-5, 2e-5])
    return (g + np.random.default_rng(0).normal(0, 1e-7, (400, 2))).T


def _device_file(folder=Path()):
    path = folder / "mine.toml"
    path.write_text(PRESETS["fefet_jerry2017"].toml())
    return path


def functions():
    """Return a call for each function."""
    target, got = fits.programmed()
    start, later, times = fits.relaxed()
    g, kelvin = fits.heated()
    curve = devices.NonlinearPulses(g_min=1e-6, g_max=3e-5, pulses=20, nl_up=2.0).curve(20)
    trace = np.repeat(np.tile([1e-5, 2e-5], 20), 10) + np.random.default_rng(0).normal(0, 1e-7, 400)
    lrs = np.random.default_rng(0).lognormal(np.log(1e4), 0.05, (30, 20))
    return {
        "activation_energy_ev": Call(
            devices.activation_energy_ev,
            lambda: {"process": _PROCESS, "start": start, "later": later[1], "seconds": 3600.0,
                     "temperature": 400.0},
        ),
        "fit_activation_energy": Call(
            devices.fit_activation_energy,
            lambda: {"process": _PROCESS, "bakes": [
                devices.Bake(start=start, later=later[1], seconds=3600.0, temperature=400.0)]},
        ),
        "fit_levels": Call(devices.fit_levels, lambda: {"target": target, "got": got}),
        "fit_programming": Call(
            devices.fit_programming,
            lambda: {"target": target, "got": got, "conductances": None},
        ),
        "fit_pulses": Call(
            devices.fit_pulses,
            lambda: {"up": curve[0], "down": curve[1], "g_min": None, "g_max": None,
                     "responses": (devices.LinearPulses,), "nodes": 5, "folds": 3, "resamples": 2,
                     "rng": 0},
        ),
        "fit_read_noise": Call(
            devices.fit_read_noise,
            lambda: {"g": _traces(), "period": 0.01, "instrument": None, "band": None,
                     "window": 1.0, "telegraph": False, "names": None},
        ),
        "fit_relaxation": Call(
            devices.fit_relaxation,
            lambda: {"start": start, "later": later, "times": times, "conductances": None,
                     "measured_at": 298.15, "resamples": 2, "rng": 0},
        ),
        "fit_set_reset": Call(
            devices.fit_set_reset,
            lambda: {"set_": 1 / lrs, "reset": 0.1 / lrs, "clip": 0.9999},
        ),
        "active_segments": Call(
            devices.active_segments, lambda: {"trace": trace, "period": 0.01, "window": None}
        ),
        "fit_telegraph": Call(
            devices.fit_telegraph, lambda: {"trace": trace, "period": 0.01, "levels": 2}
        ),
        "fit_temperature": Call(
            devices.fit_temperature, lambda: {"g": g, "temperatures": kelvin, "t_ref": 300.0}
        ),
        "with_on_off_ratio": Call(
            devices.with_on_off_ratio,
            lambda: {"device": devices.preset("fefet_jerry2017"), "ratio": 10.0},
        ),
        "gate": Call(devices.gate, lambda: {"name": next(iter(GATES))}),
        "preset": Call(
            devices.preset, lambda: {"name": "fefet_jerry2017", "g_max": 5e-5}
        ),
        "read_preset": Call(devices.read_preset, lambda: {"path": _device_file()}),
        "write_pulses_of": Call(
            devices.write_pulses_of, lambda: {"device": devices.preset("fefet_jerry2017")}
        ),
    }  # fmt: skip


CALLS = {f"devices.{name}": call for name, call in {**descriptions(), **functions()}.items()}
