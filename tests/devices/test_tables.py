"""Devices as tables: every kind there and back, files beside a sweep, and an answer to every mistake."""

import re
import tomllib
from dataclasses import fields, replace
from inspect import isabstract
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tomli_w
import torch

from crossbar.paths import build_hardware
from devices import (
    RELAXATION_WAN2022,
    BlankOut,
    Device,
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
from nsm.sweeps.sweep_file import parse, read_sweep

M = SimpleNamespace(**{c.__name__: c for c in MODELS.values()})
RANGE = {"g_min": 1e-6, "g_max": 1e-5}
STEP = {**RANGE, "step": 0.01}
TRANSISTOR = M.FeFet(vth0=0.1, window=1.2, p_r=0.2, transconductance=1e-6, swing=0.08)
DOMAINS = {"tau0": 1e-8, "alpha": 2.0, "beta": 1.5, "p_r": 0.2}
NORMAL = M.NormalActivation(mean=2.0, std=0.3)
METALLIC = M.MetallicTemperature(alpha=1e-3)
ACTIVATED = M.ActivatedTemperature(activation_energy_ev=0.1)
#: One of every kind, with fields that differ from their defaults.
EXAMPLES = [
    *(
        M.NoNoise(),
        BlankOut(0.3),
        M.GaussianNoise(0.2),
        LognormalNoise(0.4),
        M.PowerLawNoise(0.1, 0.5, 1e-5),
    ),
    M.LogConductanceNoise(coefficient=1e-8, t=60.0),
    ProductNoise(BlankOut(0.3), LognormalNoise(), M.TelegraphNoise(0.5, 1e-3, 2e-3)),
    M.TelegraphNoise(0.5, 1e-3, 2e-3, 3, window=1e-6),
    M.TrapEnsemble(
        mean_traps=2,
        tau_capture=M.LogUniformTime(low=1e-6, high=1.0),
        tau_emission=M.FixedTime(1e-3),
        count="fixed",
    ),
    *(
        M.LogUniformTime(low=1e-6, high=1.0),
        M.LognormalTime(median=1e-3, sigma=0.5),
        M.FixedTime(2e-3),
    ),
    M.FlickerNoise(q=0.01, f_low=1.0, f_high=1e6, per_decade=1),
    M.FlickerNoise(q=M.PcmFlicker(g_max=1e-5), f_low=1.0, f_high=1e6),
    *(
        M.PcmFlicker(g_max=1e-5),
        M.ThermalShotNoise(voltage=0.2, bandwidth=1e6),
        M.PcmReadNoise(t=60.0),
        M.SonosReadNoise(read_voltage=0.1),
    ),
    *(M.ThresholdNoise(sigma_vth=0.01, transistor=TRANSISTOR), TRANSISTOR),
    StochasticSelector(
        read_voltage=0.3,
        mean=0.2,
        sigma=0.1,
        correlation=0.5,
        spread=0.3,
        leak=0.01,
        on_conductance=1e-4,
    ),
    *(M.IdealWrite(), StateDependentError(coefficients=(1e-7, 0.1), error_factor=2.0)),
    *(M.SaturatingError(largest=1e-7, g_ref=1e-6), M.SetResetVariability.hennen2024()),
    M.WriteVerify(
        pulse=StateDependentError(coefficients=(1e-7,)),
        tolerance=1e-8,
        read_sigma=1e-9,
        max_pulses=7,
    ),
    M.WriteVerify(pulse=M.NonlinearPulses(**RANGE, pulses=32, nl_up=1.0), tolerance=1e-8),
    M.DomainWrite(
        transistor=TRANSISTOR,
        domains=M.DomainSwitching(n_domains=20, activation=NORMAL, **DOMAINS),
        v_gate=1.0,
        pulse_width=1e-6,
    ),
    M.DomainSwitching(
        n_domains=3, activation=M.Gb2Activation(a=1.0, b=0.5, p=2.0, q=3.0), **DOMAINS
    ),
    *(NORMAL, M.Gb2Activation(a=1.0, b=0.5, p=2.0, q=3.0)),
    M.NonlinearPulses(**RANGE, pulses=32, nl_up=1.75, nl_down=-1.0, c2c=0.01, d2d_nl=0.1),
    *(
        M.ConstantPulses(**STEP, c2c=0.3),
        M.LinearPulses(**STEP, decrease_up=0.1),
        M.SoftBoundsPulses(**STEP, lognormal=True),
    ),
    M.ExpStepPulses(**STEP, a=-0.5, b=-0.5, a_up=-1.2, a_down=-0.1, gamma_up=5.0, gamma_down=4.0),
    *(
        M.PowerPulses(**STEP, gamma_up=2.0),
        M.PiecewisePulses(**STEP, up=(1.0, 0.5, 0.1), down=(0.9, 0.2)),
    ),
    *(M.NoDrift(), M.LogTimeDrift(mean=-1e-8, std=1e-8, std_rate=1e-9), RELAXATION_WAN2022),
    M.PowerLawDrift(
        nu_mean=0.05, nu_std=M.ClippedLog(slope=-0.1, intercept=0.2, low=0.0, high=0.5), t_0=10.0
    ),
    M.ClippedLog(slope=-0.1, intercept=0.2, low=0.0, high=0.5),
    *(
        M.NoFaults(),
        M.StuckCells(p_stuck_lrs=0.1),
        M.WearOut(cycles=1e5, characteristic_life=1e6, shape=0.7, p_lrs=0.3),
    ),
    *(
        M.NoTemperature(),
        METALLIC,
        ACTIVATED,
        M.MixedTemperature(lrs=METALLIC, hrs=ACTIVATED, g_lrs=1e-5, g_hrs=1e-6),
    ),
]
FULL = Device(
    **RANGE,
    levels=16,
    write=M.WriteVerify(pulse=StateDependentError(coefficients=(1e-7, 2e-3)), tolerance=1e-8),
    read_noise=ProductNoise(BlankOut(0.3), M.FlickerNoise(q=M.PcmFlicker(), f_low=1.0, f_high=1e6)),
    retention=M.PowerLawDrift(nu_mean=0.05),
    faults=M.WearOut(cycles=1e5, characteristic_life=1e6, shape=0.7, p_lrs=0.3),
    temperature_law=M.MixedTemperature(lrs=METALLIC, hrs=ACTIVATED, g_lrs=1e-5, g_hrs=1e-6),
    pulses=M.PiecewisePulses(**STEP, up=(1.0, 0.5), down=(0.5, 1.0)),
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


def test_there_is_an_example_of_every_kind():
    assert {model_name(e) for e in EXAMPLES} == set(MODELS)


def test_kinds_are_the_names_of_classes_in_lower_case():
    assert model_name(M.NoNoise) == model_name(M.NoNoise()) == "no_noise"
    assert MODELS["gb2_activation"] is M.Gb2Activation
    assert MODELS["log_conductance_noise"] is M.LogConductanceNoise
    assert all(name == name.lower() and " " not in name for name in MODELS)


def test_every_model_of_the_package_is_a_kind():
    def below(base):
        return {base} | {c for sub in base.__subclasses__() for c in below(sub)}

    slots = [kind.__mro__[:-1] for kind in MODELS.values()]
    bases = {c for classes in slots for c in classes if isabstract(c)}
    models = {
        c
        for base in bases
        for c in below(base)
        if not isabstract(c) and c.__module__.startswith("devices.")
    }
    assert (
        len(bases) > 6
    )  # write, read noise, retention, faults, temperature, pulses, laws of times
    assert models <= set(MODELS.values())


@pytest.mark.parametrize("model", EXAMPLES, ids=names)
def test_a_model_survives_its_table_and_its_toml(model):
    table = to_table(model)
    assert table["kind"] == model_name(model)
    assert from_table(table, "m") == model
    assert from_table(tomllib.loads(tomli_w.dumps(table)), "m") == model


def test_defaults_and_nones_are_left_out():
    assert to_table(BlankOut()) == {"kind": "blank_out"}
    assert to_table(StochasticSelector(leak=0.1)) == {"kind": "stochastic_selector", "leak": 0.1}
    # TOML has no word for None.
    assert to_table(Device(**RANGE)) == RANGE
    assert to_table(replace(FULL, levels=None, pulses=None)).keys() == to_table(FULL).keys() - {
        "levels",
        "pulses",
    }


def test_a_full_device_survives_its_file():
    table = tomllib.loads(as_toml(FULL, {"technology": "all of it", "citation": FULL.reference}))
    assert "reference" not in table  # said once, as the citation
    assert device_from(table, "mine") == FULL
    assert all(f.name in table for f in fields(Device) if f.name != "reference")


def test_a_gate_survives_its_file():
    model = StochasticSelector(read_voltage=0.3, correlation=0.5)
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
        "unknown kind of m 'gausian_noise'; did you mean 'gaussian_noise'? Known: no_noise, blank_out",
    ),
    ({"kind": 3}, "unknown kind of m 3"),
    (
        {"p": 0.5},
        "m = {'p': 0.5} is not a model; give a table with its kind, as {kind = \"no_noise\"}",
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
        "StateDependentError.coefficients = 1e-07 is no list of them",
    ),
    (
        {"kind": "tabulated_relaxation", "coefficients": 3, "g_ref": 1e-6, "times": 1},
        "m (TabulatedRelaxation): 'int' object",
    ),
    (
        {"kind": "product_noise", "factors": [{"kind": "no_drift"}]},
        "ProductNoise: NoDrift() is not a ReadNoise",
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
def test_factors_that_are_no_list_are_refused(factors):
    with pytest.raises(ValueError, match=r"factors"):
        from_table({"kind": "product_noise", "factors": factors}, "m")


BAD_FILES = [
    ("g_max = 1e-5\n", "mine.toml (Device) needs g_min"),
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
        ("g_min = 1e-6\n", "unknown key of mine.toml 'g_min'. Known: gate, technology, citation"),
        ("", "mine.toml: gate = None is not a model"),
        (
            '[gate]\nkind = "no_drift"\n',
            "mine.toml: gate is a NoDrift, not a gate; see `nsm presets`",
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


def test_numbers_come_back_to_the_last_bit():
    model = M.PowerLawNoise(0.1 + 0.2, 1 / 3, np.nextafter(1e-5, 1))
    assert from_table(tomllib.loads(tomli_w.dumps(to_table(model))), "m") == model
