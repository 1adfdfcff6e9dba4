"""Devices as tables: round trips of every model, files beside a sweep, and messages."""

import re
import tomllib
from dataclasses import fields, replace
from inspect import isabstract
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch

import devices
from crossbar.paths import build_hardware
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LognormalNoise,
    ProductNoise,
    StateDependentError,
    StochasticSelector,
    gate,
    preset,
)
from devices.tables import (
    MODELS,
    as_toml,
    device_from,
    from_table,
    gate_from,
    model_name,
    read_table,
    to_table,
)
from nsm import nsm_mlp, save
from nsm.sweeps.spec.sweep_file import parse, read_sweep
from tests.helpers.device_models import ACTIVATED, ALL_MODELS, METALLIC, NAN, RANGE, STEP

FULL = Device(
    **RANGE,
    levels=16,
    write=devices.WriteVerify(pulse=StateDependentError(coefficients=(1e-7, 2e-3)), tolerance=1e-8),
    read_noise=ProductNoise(
        BlankOut(0.3), devices.FlickerNoise(q=devices.PcmFlicker(), f_low=1.0, f_high=1e6)
    ),
    retention=devices.PowerLawDrift(nu_mean=0.05),
    faults=devices.WearOut(cycles=1e5, characteristic_life=1e6, shape=0.7, p_lrs=0.3),
    temperature_law=devices.MixedTemperature(lrs=METALLIC, hrs=ACTIVATED, g_lrs=1e-5, g_hrs=1e-6),
    iv=devices.SinhCurve(v_0=0.2),
    read_disturb_voltage=0.3,
    compliance=1e-4,
    pulses=devices.PiecewisePulses(**STEP, up=(1.0, 0.5), down=(0.5, 1.0)),
    reference="A paper, doi:10.1000/1",
)
MINE = """\
technology = "mine"
citation = "my notebook, doi:10.1000/2"
g_min = 2e-6
g_max = 5e-5
levels = 12

[read_noise]
kind = "lognormal_noise"
sigma = 0.05
"""


def names(model):
    return model_name(model)


def test_there_is_an_example_of_every_model():
    assert {model_name(e) for e in ALL_MODELS} == set(MODELS)


def test_models_are_named_by_their_class_in_lower_case():
    assert model_name(devices.NoNoise) == model_name(devices.NoNoise()) == "no_noise"
    assert MODELS["gb2_activation"] is devices.Gb2Activation
    assert MODELS["log_conductance_noise"] is devices.LogConductanceNoise
    assert all(name == name.lower() and " " not in name for name in MODELS)


def test_tables_know_every_model_of_the_package():
    def below(base):
        return {base} | {c for sub in base.__subclasses__() for c in below(sub)}

    slots = [kind.__mro__[:-1] for kind in MODELS.values()]
    bases = {c for classes in slots for c in classes if isabstract(c)}
    models = {
        c
        for base in bases
        for c in below(base)
        if not isabstract(c) and c.__module__.startswith("devices.") and c.__name__[0] != "_"
    }  # no description holds a class that is hidden in its module
    # Write, read noise, retention, faults, temperature, pulses, laws of times.
    assert len(bases) > 6
    assert models <= set(MODELS.values())


@pytest.mark.parametrize("model", ALL_MODELS, ids=names)
def test_a_model_survives_its_table_and_its_toml(model):
    table = to_table(model)
    assert table["kind"] == model_name(model)
    assert from_table(table, "m") == model
    assert from_table(tomllib.loads(tomli_w.dumps(table)), "m") == model


def test_defaults_and_nones_are_left_out():
    assert to_table(BlankOut()) == {"kind": "blank_out"}
    assert to_table(StochasticSelector(leak=0.1)) == {"kind": "stochastic_selector", "leak": 0.1}
    # TOML has no value for None.
    assert to_table(Device(**RANGE)) == RANGE
    assert to_table(replace(FULL, levels=None, pulses=None)).keys() == to_table(FULL).keys() - {
        "levels",
        "pulses",
    }


def test_a_full_device_survives_its_file():
    table = tomllib.loads(as_toml(FULL, {"technology": "all of it", "citation": FULL.reference}))
    assert "reference" not in table  # the citation has it
    assert device_from(table, "mine") == FULL
    assert all(f.name in table for f in fields(Device) if f.name != "reference")


def test_a_gate_survives_its_file():
    model = StochasticSelector(z=0.3, correlation=0.5)
    assert gate_from(tomllib.loads(as_toml(model, {"technology": "a switch"})), "mine") == model


def test_lists_become_tuples_that_compare_and_hash():
    table = {"kind": "state_dependent_error", "coefficients": [1e-7, 0.1]}
    model = from_table(table, "m")
    assert model.coefficients == (1e-7, 0.1)
    assert hash(model) == hash(StateDependentError(coefficients=(1e-7, 0.1)))


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8")
    (tmp_path / "switch.toml").write_text('[gate]\nkind = "blank_out"\np = 0.25\n')
    torch.manual_seed(0)
    save(nsm_mlp((8, 6, 5, 3)), tmp_path / "small.safetensors")
    return tmp_path


OWN = Device(
    g_min=2e-6,
    g_max=5e-5,
    levels=12,
    read_noise=LognormalNoise(0.05),
    reference="my notebook, doi:10.1000/2",
)


def test_a_device_and_a_gate_are_read_from_files(mine):
    assert preset(str(mine / "mine.toml")) == OWN
    assert preset(mine / "mine.toml", levels=4) == replace(OWN, levels=4)
    assert gate(str(mine / "switch.toml")) == BlankOut(0.25)
    assert gate(str(mine / "switch.toml"), p=0.5) == BlankOut(0.5)
    built = build_hardware(
        {"device": str(mine / "mine.toml"), "gate": str(mine / "switch.toml"), "device.levels": 5}
    )
    assert (built.device, built.gate) == (replace(OWN, levels=5), BlankOut(0.25))


HEAD = 'network = "small.safetensors"\n[hardware]\n'


def test_a_sweep_finds_the_files_beside_it(mine, tmp_path_factory, monkeypatch):
    (mine / "sweep.toml").write_text(
        HEAD + 'device = "mine.toml"\ngate = "switch.toml"\n"device.levels" = 3\n'
    )
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    sweep = read_sweep(mine / "sweep.toml")
    assert (sweep.hardware.device, sweep.hardware.gate) == (replace(OWN, levels=3), BlankOut(0.25))


def test_devices_from_files_are_values_of_an_axis(mine, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    axes = (
        '[axes]\ndevice = ["rram_wu2018", "mine.toml"]\ngate = ["switch.toml", "nsm_bernoulli"]\n'
    )
    tasks = parse(HEAD + 'device = "fefet_jerry2017"\n' + axes, folder=mine).tasks()
    seen = {(t.hardware.device, t.hardware.gate) for t in tasks}
    assert seen == {
        (d, g) for d in (preset("rram_wu2018"), OWN) for g in (BlankOut(0.25), BlankOut(0.5))
    }


def test_a_file_that_is_not_beside_the_sweep_is_looked_for_here(
    mine, tmp_path_factory, monkeypatch
):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "other.toml").write_text(MINE.replace("12", "7"))
    monkeypatch.chdir(elsewhere)
    assert parse(HEAD + 'device = "other.toml"\n', folder=mine).hardware.device == replace(
        OWN, levels=7
    )


BAD_MODELS = [
    (
        {"kind": "gausian_noise"},
        "unknown kind of m 'gausian_noise'; did you mean 'gaussian_noise'? Nearest of",
    ),
    ({"kind": 3}, "unknown kind of m 3"),
    (
        {"p": 0.5},
        "m = {'p': 0.5} is not a model; give a table with its kind",
    ),
    (0.5, "m = 0.5 is not a model; give a table with its kind"),
    ({"kind": "blank_out", "q": 0.5}, "unknown field of m 'q'. Known: p"),
    (
        {"kind": "lognormal_noise", "sigme": 0.5},
        "unknown field of m 'sigme'; did you mean 'sigma'? Known: sigma",
    ),
    (
        {"kind": "telegraph_noise", "amplitude": 0.5},
        "m (TelegraphNoise) needs tau_capture, tau_emission",
    ),
    ({"kind": "product_noise"}, "m (ProductNoise) needs factors"),
    ({"kind": "blank_out", "p": 2}, "BlankOut.p = 2 is not allowed"),
    ({"kind": "blank_out", "p": "half"}, "BlankOut.p = 'half' is not a number"),
    (
        {"kind": "state_dependent_error", "coefficients": 1e-7},
        "StateDependentError.coefficients = 1e-07 is not a list",
    ),
    (
        {"kind": "tabulated_relaxation", "coefficients": 3, "g_ref": 1e-6, "times": 1},
        "TabulatedRelaxation.times = 1 is not a row of numbers; give a list [s]",
    ),
    (
        {"kind": "tabulated_error", "conductances": [1e-6, 2e-6], "std": [1e-7, 2e-7, 3e-7]},
        "TabulatedError.std is of length 3 for 2 conductances; give one for each",
    ),
    (
        {"kind": "tabulated_noise", "conductances": [2e-6, 1e-6], "sigma": [1e-7, 2e-7]},
        "TabulatedNoise.conductances must rise, but [1] = 1e-06 follows [0] = 2e-06",
    ),
    (
        {"kind": "tabulated_noise", "conductances": [1e-6, 2e-6], "sigma": [1e-7, NAN]},
        "TabulatedNoise.sigma[1] = nan is not allowed; give a finite number in [0, inf) S",
    ),
    (
        {"kind": "tabulated_flicker", "conductances": [1e-6, 2e-6], "size": [0.1, -0.1]},
        "TabulatedFlicker.size[1] = -0.1 is not allowed; give a finite number in [0, inf)",
    ),
    (
        {"kind": "tabulated_drift", "times": [1.0, 2.0], "conductances": [0.0, 1e-4], "std": [0.1]},
        "TabulatedDrift.std[0] = 0.1 is not a row of numbers; give a list [S]",
    ),
    (
        {"kind": "tabulated_current", "voltages": [0.1], "conductances": [1e-6], "currents": []},
        "TabulatedCurrent.currents is of length 0 for 1 conductances",
    ),
    (
        {"kind": "product_noise", "factors": [{"kind": "no_drift"}]},
        "NoDrift() is not a ReadNoise",
    ),
    (
        {"kind": "product_noise", "factors": [{"kind": "blankout"}]},
        "unknown kind of m.factors[0] 'blankout'; did you mean 'blank_out'?",
    ),
    (
        {"kind": "trap_ensemble", "mean_traps": 1, "tau_capture": 1e-3, "tau_emission": 1e-3},
        "TrapEnsemble.tau_capture = 0.001 is not a TimeLaw",
    ),
]


@pytest.mark.parametrize(("table", "message"), BAD_MODELS)
def test_a_bad_table_is_refused(table, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_table(table, "m")


@pytest.mark.parametrize("factors", [0.5, {"kind": "blank_out"}])
def test_factors_that_are_not_a_list_are_refused(factors):
    with pytest.raises(ValueError, match=r"factors"):
        from_table({"kind": "product_noise", "factors": factors}, "m")


BAD_FILES = [
    ("g_max = 1e-5\n", "mine.toml (Device) needs g_min"),
    ("[device]\ng_min = 1e-6\n", "unknown field of mine.toml 'device'"),
    (
        "g_min = 1e-6\ng_max = 1e-5\nlevel = 3\n",
        "unknown field of mine.toml 'level'; did you mean 'levels'?",
    ),
    ("g_min = 1e-6\ng_max = 1e-5\nlevels = 3.5\n", "Device.levels = 3.5 is not allowed"),
    (
        "g_min = 1e-6\ng_max = 1e-5\nread_noise = 0.1\n",
        "Device.read_noise = 0.1 is not a ReadNoise",
    ),
    (
        'g_min = 1e-6\ng_max = 1e-5\n[write]\nkind = "blank_out"\n',
        "Device.write = BlankOut(p=0.5) is not a WriteModel",
    ),
    (
        'g_min = 1e-6\ng_max = 1e-5\n[write]\nknid = "x"\n',
        "mine.toml: write = {'knid': 'x'} is not a model",
    ),
    ("g_min = \n", "mine.toml is not TOML: Invalid value (at line 1, column 9)"),
    (b'technology = "\xff"\n', "mine.toml is not TOML: "),
    ('[gate]\nkind = "blank_out"\n', "unknown field of mine.toml 'gate'"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_a_bad_device_file_is_refused(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=re.escape(message)):
        preset("mine.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g_min = 1e-6\n", "unknown key of mine.toml 'g_min'; did you mean"),
        ("", "mine.toml: gate = None is not a model"),
        (
            '[gate]\nkind = "no_drift"\n',
            "mine.toml: gate is a NoDrift, which is not a gate",
        ),
        (
            '[gate]\nkind = "blank"\n',
            "unknown kind of mine.toml: gate 'blank'; did you mean 'blank_out'?",
        ),
    ],
)
def test_a_file_that_holds_no_gate_is_refused(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        gate("mine.toml")


@pytest.mark.parametrize(("ask", "what"), [(preset, "device preset"), (gate, "gate")])
def test_the_ending_of_a_file_is_pointed_out(ask, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").touch()
    with pytest.raises(ValueError, match=f"^unknown {what} 'mine'; .* file .* give mine.toml$"):
        ask("mine")


@pytest.mark.parametrize("ask", [preset, gate, read_table])
def test_a_missing_file_says_how_to_make_one(ask):
    message = (
        "no device file none.toml; `nsm presets export NAME > mine.toml` makes one to start from"
    )
    with pytest.raises(FileNotFoundError, match=message):
        ask("none.toml")


def test_a_sweep_file_names_the_device_file_that_it_misses(mine):
    with pytest.raises(FileNotFoundError, match="no device file none.toml"):
        parse(HEAD + 'device = "none.toml"\n', folder=mine)


def test_numbers_of_numpy_become_toml():
    process = devices.RELAXATION_WAN2022
    models = [
        GaussianNoise(np.float32(0.25)),
        StateDependentError(coefficients=np.float32([0.0025, 0.5])),
        replace(process, times=np.array([1, 2, 4]), g_ref=np.float32(0.5)),
        devices.TabulatedNoise(conductances=np.float32([0, 0.0625]), sigma=np.float32([0, 0.005])),
    ]
    for model in models:
        assert from_table(tomllib.loads(tomli_w.dumps(to_table(model))), "m") == model


def test_numbers_come_back_to_the_last_bit():
    model = devices.PowerLawNoise(0.1 + 0.2, 1 / 3, np.nextafter(1e-5, 1))
    assert from_table(tomllib.loads(tomli_w.dumps(to_table(model))), "m") == model
