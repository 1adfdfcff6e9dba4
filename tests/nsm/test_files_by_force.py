"""Files with wrong values anywhere: refused by name, or read as what they say."""

import copy
import tomllib

import numpy as np
import pytest
import tomli_w

from devices import GATES, PRESETS, read_preset
from nsm import read_measurement
from nsm.sweeps.spec.sweep_file import read_sweep

#: What stands in place of every value in turn.
WRONG = [
    True, "x", "", float("nan"), float("inf"), -1, -1.5, 1e300, 2**70, 10**400, [], {}, [1.0, 2.0],
    [{}], [[1]], [True], [float("nan")],
]  # fmt: skip
SWEEP = """
network = "mnist_mlp"
data = "digits"
samples = 20
chips = 3
seed = 0
images = 100
sampling = "moments"
[hardware]
device = "fefet_jerry2017"
gate = "nsm_bernoulli"
gate_sharing = "pair"
mapping = "differential_pair"
weight_scale = "layer"
tile_shape = [128, 128]
"device.write.error_factor" = 1.0
[axes]
"device.levels" = [2, 4]
"comparator.offset" = {start = 1e-9, stop = 1e-6, num = 2, scale = "log"}
"device.read_noise" = ["none", {name = "5 %", kind = "gaussian", sigma = 0.05}]
[until]
errors = 100
"""


def places(table, path=()):
    """Yield the place of every value of a table, the values of lists included."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


def value_at(table, path):
    """Return the value at a place."""
    for key in path:
        table = table[key]
    return table


def with_value_at(table, path, value):
    """Return a copy of a table with another value at a place."""
    changed = copy.deepcopy(table)
    value_at(changed, path[:-1])[path[-1]] = value
    return changed


def problems_of(table, path, read, file):
    """Return which wrong values at a place are taken as they are, or refused without a name."""
    own, found = value_at(table, path), []
    # The names in the path: one of them stands in the message.
    names = [str(key).rpartition(".")[2] for key in path if isinstance(key, str)]
    for wrong in WRONG:
        if type(wrong) is type(own):
            continue  # another number may be right, and a text may name a file
        file.write_text(tomli_w.dumps(with_value_at(table, path, wrong)))
        try:
            read(file)
        except ValueError as problem:
            if not any(name in str(problem) for name in names):
                found.append(f"{path} = {wrong!r} ends in {problem}")
        else:
            if isinstance(wrong, (bool, list, dict)) or wrong != wrong:
                found.append(f"{path} = {wrong!r} is taken")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PRESETS, *GATES])
def test_device_files(name, tmp_path):
    table = tomllib.loads({**PRESETS, **GATES}[name].toml())
    for path in places(table):
        assert problems_of(table, path, read_preset, tmp_path / "mine.toml") == []


#: Values that are lists, or may be: lists of another length and kind are other axes or ranges.
_MAY_BE_LISTS = {"axes", "device.levels", "device.read_noise", "comparator.offset", "tile_shape"}


@pytest.mark.slow
def test_sweep_files(tmp_path):
    table = tomllib.loads(SWEEP)
    read_sweep_file = lambda file: read_sweep(file).tasks()  # noqa: E731
    for path in places(table):
        if not _MAY_BE_LISTS & set(path):
            assert problems_of(table, path, read_sweep_file, tmp_path / "mine.toml") == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('gate = "nsm_bernoulli"', "gate = {}", "gate is an empty table, which has no effect"),
        ('data = "digits"', 'data = ""', "data = '' is no data set"),
        ('network = "mnist_mlp"', "network = 5", "network = 5 is no text"),
        ('name = "5 %"', "name = 5", "name = 5 is not a str"),
        ("[until]", "[[zip]]\n[until]", r"\[\[zip\]\] is empty"),
    ],
)
def test_what_sweep_files_took_once(old, new, message, tmp_path):
    assert old in SWEEP
    (tmp_path / "mine.toml").write_text(SWEEP.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_sweep(tmp_path / "mine.toml").tasks()


def test_provenance_is_text(tmp_path):
    (tmp_path / "mine.toml").write_text('notes = 5\ngate = {kind = "blank_out", p = 0.3}')
    with pytest.raises(ValueError, match="notes = 5 is not a str; give a text, in quotes"):
        read_preset(tmp_path / "mine.toml")


def tables():
    """Return a right table of each of four kinds of measurements."""
    rng = np.random.default_rng(0)
    programmed = [f"{t},{t + rng.normal(0, 0.3):.3f}" for t in np.repeat([5, 10, 20, 40], 30)]
    traces = [f"{2.5 * i},{c},{50 + rng.normal(0, 0.3):.3f}" for c in "ab" for i in range(300)]
    relaxed = [f"{t},{50 + rng.normal():.3f},{c}" for t in (0, 1, 10, 100) for c in range(60)]
    pulses = [f"{i},{2 + i},{60 - i},{c}" for i in range(20) for c in "ab"]
    return {
        "programming": ["target [µS],got [µS]", *programmed],
        "read-noise": ["time [ms],cell,g [µS]", *traces],
        "relaxation": ["time [s],g [µS],cell", *relaxed],
        "pulses": ["pulse,up [µS],down [µS],cell", *pulses],
    }


#: What stands in place of a cell of a table.
JUNK = [
    "", "x", "nan", "inf", "1e400", "-5", "1,5", "=SUM(A1)", "0x10", "1e-400", "true", "None",
    "\x00", '"', "50 µS", "5e8",
]  # fmt: skip


def broken(lines, rng):
    """Return a table as bytes with one thing wrong: a byte, a hole, an end, a cell."""
    raw, lines = bytearray("\n".join(lines).encode()), list(lines)
    how, row = rng.integers(5), rng.integers(len(lines))
    junk = JUNK[rng.integers(len(JUNK))]
    if how == 0:
        raw[rng.integers(len(raw))] = rng.integers(256)
    elif how == 1:
        start = rng.integers(len(raw))
        del raw[start : start + rng.integers(1, 200)]
    elif how == 2:
        raw = raw[: rng.integers(len(raw))]
    elif how == 3:
        cells = lines[row].split(",")
        cells[rng.integers(len(cells))] = junk
        lines[row] = ",".join(cells)
        raw = bytearray("\n".join(lines).encode())
    else:
        lines[row] += f",{junk}"
        raw = bytearray("\n".join(lines).encode())
    return bytes(raw)


@pytest.mark.slow
@pytest.mark.parametrize("kind", tables())
def test_measurements(kind, tmp_path):
    rng, file = np.random.default_rng(1), tmp_path / "mine.csv"
    unnamed = []
    for _ in range(300):
        file.write_bytes(broken(tables()[kind], rng))
        try:
            read_measurement(file, kind)
        except ValueError as problem:
            unnamed += [str(problem)] * ("mine.csv" not in str(problem))
    assert unnamed == []


def test_a_quotation_mark_that_is_not_closed_takes_no_rows(tmp_path):
    file, lines = tmp_path / "mine.csv", tables()["programming"]
    lines[5], lines[60] = lines[5].replace(",", ',"'), lines[60] + '"'
    file.write_text("\n".join(lines))
    with pytest.raises(ValueError, match="mine.csv: row 5 has a quotation mark that is not closed"):
        read_measurement(file, "programming")
