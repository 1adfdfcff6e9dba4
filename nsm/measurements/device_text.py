"""The text of a device file: slots with the estimates of their fits, and what is not set."""

from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from devices import Fit
from devices.tables import PROVENANCE
from nsm.measurements.estimates import counts_text, estimate_text
from nsm.measurements.reading import Measurement

_HEAD = "# Device file written by nsm fit. It is used wherever a device is named: --device FILE."
_UNSET_HEAD = "# Not set. Each line is an example; remove its first # to set it."
#: Fields of a device that may stay unset: what they are, and an example.
UNSET: Mapping[str, tuple[str, str]] = {
    "citation": ("Source of the device.", 'citation = "A. Author, Journal 1, 2 (2026)"'),
    "technology": ("What kind of cell it is.", 'technology = "HfO2 RRAM, 1T1R"'),
    "levels": ("Number of levels that are programmed, or their conductances [S].", "levels = 16"),
    "read_disturb_voltage": (
        "Largest voltage that does not change a cell [V].",
        "read_disturb_voltage = 0.3",
    ),
    "compliance": ("Largest current that a cell may carry [A].", "compliance = 1e-4"),
    "write": (
        "Programming error, from nsm fit programming or set-reset.",
        'write = {kind = "state_dependent_error", coefficients = [1e-6]}',
    ),
    "read_noise": (
        "Noise of every read, from nsm fit read-noise or telegraph.",
        'read_noise = {kind = "gaussian_noise", sigma = 0.02}',
    ),
    "retention": (
        "Drift after programming, from nsm fit relaxation.",
        'retention = {kind = "power_law_drift", nu_mean = 0.01}',
    ),
    "faults": (
        "Shares of cells that are stuck, from nsm fit programming.",
        'faults = {kind = "stuck_cells", p_stuck_hrs = 0.001, p_stuck_lrs = 0.001}',
    ),
    "pulses": (
        "Response to programming pulses, from nsm fit pulses.",
        'pulses = {kind = "linear_pulses", g_min = 1e-6, g_max = 50e-6, step = 0.01}',
    ),
    "temperature_law": (
        "Conductance over temperature, from nsm fit temperature.",
        'temperature_law = {kind = "activated_temperature", activation_energy_ev = 0.05}',
    ),
    "iv": (
        "Current over voltage.",
        'iv = {kind = "sinh_curve", v_0 = 0.3}',
    ),
}
_RANGE = "# Range of conductance [S]."


def slot_comments(measurement: Measurement, fit: Fit) -> list[str]:
    """Return the lines of comment that stand above a fitted slot."""
    read = counts_text(fit.counts)
    lines = [f"Fitted by nsm fit {measurement.kind} to {measurement.path}: {read}."]
    lines += [estimate_text(name, estimate) for name, estimate in fit.estimates.items()]
    lines += [f"Note: {note}" for note in (*measurement.notes, *fit.notes)]
    return [f"# {' '.join(line.split())}" for line in lines]


def _commented(name: str, comments: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the comments of a field, below an empty line if there are any."""
    return ["", *comments[name]] if comments.get(name) else []


def device_text(
    table: Mapping[str, Any], comments: Mapping[str, Sequence[str]], others: Sequence[str]
) -> str:
    """Return the text of a device file.

    Args:
        table: Everything that is set, with the provenance.
        comments: Lines of comment above each field.
        others: Comments of an earlier file that belong to no field.
    """
    lines = [_HEAD]
    said = {key: table[key] for key in PROVENANCE if table.get(key)}
    for key, text in said.items():
        lines += comments.get(key, ())
        lines += tomli_w.dumps({key: text}, multiline_strings=True).splitlines()
    plain = {k: v for k, v in table.items() if k not in PROVENANCE and not isinstance(v, dict)}
    lines += ["", *(comments.get("g_min") or [_RANGE])]
    for name in sorted(plain, key=lambda n: (not n.startswith("g_"), n == "g_max", n)):
        if name != "g_min":
            lines += _commented(name, comments)
        lines += tomli_w.dumps({name: plain[name]}).splitlines()
    lines += ["", _UNSET_HEAD]
    for name, (what, example) in UNSET.items():
        if name not in table:
            lines += [f"# {what}", f"# {example}"]
    for name, value in table.items():
        if isinstance(value, dict):
            lines += ["", *comments.get(name, ()), *tomli_w.dumps({name: value}).splitlines()]
    if others:
        lines += ["", "# Comments of the earlier file:", *others]
    return "\n".join(lines) + "\n"


def comments_of(text: str, names: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the comments above each field of a device file, and those that belong to none.

    Args:
        text: The file.
        names: Fields that are set in it.
    """
    ours = {_HEAD, _UNSET_HEAD, _RANGE, "# Comments of the earlier file:"}
    ours |= {f"# {line}" for pair in UNSET.values() for line in pair}
    above: dict[str, list[str]] = {}
    others: list[str] = []
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            block += [line] if line not in ours else []
            continue
        name = line.strip("[] ").partition(".")[0] if line.startswith("[") else line
        name = name.partition("=")[0].strip()
        if name in names and name not in above:
            above[name] = block
        else:
            others += block
        block = []
    return above, others
