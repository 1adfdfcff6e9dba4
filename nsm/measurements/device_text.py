"""The text of a device file: slots with the estimates of their fits, and what is not set."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from devices import Fit
from devices.tables import PROVENANCE
from nsm.measurements.estimates import counts_text, estimate_text
from nsm.measurements.kinds import KINDS
from nsm.measurements.reading import Measurement
from nsm.measurements.written import EARLIER, Written

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
        "Programming error, from nsm fit programming or set-reset; cells are written exactly "
        "without it, whatever their pulses.",
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
_FITTED = "# Fitted by nsm fit "
_OF_FIT = re.compile(
    rf"{_FITTED}|# Stuck cells by nsm fit |# Note: "
    r"|# .+ = .+(\(95 %: .*\)|\(the data .* tell .*\))$"
)
#: Lines of every device file that `nsm fit` writes.
OURS = frozenset(
    {_HEAD, _UNSET_HEAD, _RANGE, *(f"# {line}" for pair in UNSET.values() for line in pair)}
)


def slot_comments(measurement: Measurement, fit: Fit) -> list[str]:
    """Return the lines of comment that stand above a fitted slot."""
    read = counts_text(fit.counts)
    lines = [f"Fitted by nsm fit {measurement.kind} to {measurement.path}: {read}."]
    lines += [estimate_text(name, estimate) for name, estimate in fit.estimates.items()]
    lines += [f"Note: {note}" for note in (*measurement.notes, *fit.notes)]
    return [f"# {' '.join(line.split())}" for line in lines]


def _is_of_fit(line: str) -> bool:
    """Return whether a line of comment above a slot was written with a fit."""
    return _OF_FIT.match(line) is not None


def new_comments(above: Sequence[str], measurement: Measurement, fit: Fit) -> list[str]:
    """Return the comments above a slot after a further fit.

    Those of an earlier fit go, but for those of the fit that this one completes; others stay.

    Args:
        above: The comments of the slot so far.
        measurement: What was fitted.
        fit: Its fit.
    """
    kept: list[str] = []
    is_kept = False
    for line in above:
        if line.startswith(_FITTED):
            is_kept = line.startswith(f"{_FITTED}{KINDS[measurement.kind].base or '-'} ")
        if is_kept or not _is_of_fit(line):
            kept.append(line)
    return [*kept, *slot_comments(measurement, fit)]


def _commented(name: str, comments: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the comments of a field, below an empty line if there are any."""
    return ["", *comments[name]] if comments.get(name) else []


def device_text(table: Mapping[str, Any], old: Written) -> str:
    """Return the text of a device file.

    Args:
        table: Everything that is set, with the provenance.
        old: The earlier file, whose lines stay where they still say the same, with the comments
            above the fields of the new one.
    """
    tables = [k for k, v in table.items() if isinstance(v, dict) and _is_section(k, v, old)]
    lines = [_HEAD]
    for name in [key for key in PROVENANCE if table.get(key)]:
        lines += old.above.get(name, [])
        lines += old.unchanged(name, table[name]) or (
            tomli_w.dumps({name: table[name]}, multiline_strings=True).splitlines()
        )
    plain = [k for k in table if k not in PROVENANCE and k not in tables]
    lines += ["", *(old.above.get("g_min") or [_RANGE])]
    for name in sorted(plain, key=lambda n: (not n.startswith("g_"), n == "g_max", n)):
        if name != "g_min":
            lines += _commented(name, old.above)
        lines += old.unchanged(name, table[name]) or _dumped(name, table[name])
    lines += ["", _UNSET_HEAD]
    for name, (what, example) in UNSET.items():
        if name not in table:
            lines += [f"# {what}", f"# {example}"]
    for name in tables:
        lines += ["", *old.above.get(name, ())]
        lines += old.unchanged(name, table[name]) or _dumped(name, table[name])
    if old.others:
        lines += ["", EARLIER, *old.others]
    return "\n".join(lines) + "\n"


def _is_section(name: str, value: Any, old: Written) -> bool:
    """Return whether a table is written below a header of its own; others are one line."""
    return old.is_section(name) or not old.unchanged(name, value)


def _dumped(name: str, value: Any) -> list[str]:
    """Return a field as lines of TOML."""
    return tomli_w.dumps({name: value}).splitlines()
