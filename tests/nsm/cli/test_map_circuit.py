"""`nsm map` for circuit designers: tables, one tile as a netlist, and what is refused at once."""

import inspect
import re
from pathlib import Path

import pandas as pd
import pytest

import nsm.cli.map
import nsm.cli.options
from nsm.chips.circuit_needs import TRANSIMPEDANCE
from nsm.cli.circuit_tables import show_needs
from nsm.cli.options import shape_of

FEW = "map small.safetensors --images 2 --samples 1 --threads 1"


@pytest.fixture
def narrow(run, monkeypatch):
    """A console of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    nsm.cli.options.console.cache_clear()
    yield
    nsm.cli.options.console.cache_clear()


def cells(out, title):
    """Return the rows of a printed table by the name of the layer, as lists of texts."""
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if title in line)
    rows = {}
    for line in lines[start + 4 :]:
        if not line.strip():
            break
        name, *values = re.split(r"  +", line.strip())
        rows[name] = values
    return rows


def printed_needs(columns, monkeypatch, capsys):
    """Return the table of needs of two layers on a console of that many columns; None: a file."""
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
    numbers = {
        "step [A]": 5.64e-9,
        "step [V]": 564e-6,
        "tolerable offset [A]": 2.82e-9,
        "tolerable offset [V]": 282e-6,
        "offset / full scale": 0.0073,
        "offset / tolerable": 18.0,
        "offset / noise": 0.12,
        "step is": "assumed code",
    }
    needs = pd.DataFrame(
        [
            {"layer": "layer 1 (NSMLinear)", "bits": float("nan"), **numbers},
            {"layer": "layer 12 (Linear)", "bits": 8.0, **numbers},
        ]
    )
    needs.attrs = {"offset_voltage": 5e-3, "transimpedance": 1e5}
    nsm.cli.options.console.cache_clear()
    show_needs(needs)
    nsm.cli.options.console.cache_clear()
    return capsys.readouterr().out


def test_a_file_gets_tables_with_whole_names(monkeypatch, capsys):
    found = cells(printed_needs(None, monkeypatch, capsys), "needs behind 100 kΩ")
    assert [*found] == ["1 (NSMLinear)", "12 (Linear)"]
    assert found["12 (Linear)"] == [
        *["ADC, 8 bits*", "5.64 nA", "564 µV", "2.82 nA", "282 µV", "0.73 %", "18 ×", "0.12 ×"]
    ]


def test_a_terminal_of_80_columns_loses_no_column_and_breaks_no_word(monkeypatch, capsys):
    out = printed_needs(80, monkeypatch, capsys)
    assert max(map(len, out.splitlines())) <= 80
    assert out.count("(NSMLinear)") == out.count("needs behind 100 kΩ") == 2
    assert "comparator" in out
    assert out.count("0.12 ×") == out.count("18 ×") == 2


def test_the_tables_hold_the_numbers_of_the_library(run, folder, narrow):
    status, out, _ = run(f"{FEW} --out chip --set wires.r_row=2 --set wires.r_col=2")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 100
    cost, needs = pd.read_csv("chip/cost.csv"), pd.read_csv("chip/circuit_needs.csv")
    from nsm.quantities import area, quantity, share

    of_cost = cells(out, "one inference, 1 sample")
    assert [*of_cost] == ["1 (NSMLinear)", "2 (NSMLinear)", "3 (Linear)", "total per image"]
    for row, values in zip(cost.to_dict("records"), of_cost.values(), strict=True):
        assert values[-3] == quantity(row["total [J]"], "J")
        assert values[-2] == quantity(row["latency [s]"], "s")
        assert values[-1] == area(row["area [m²]"])
    currents = cells(out, "currents")
    for row, values in zip(needs.to_dict("records"), currents.values(), strict=True):
        assert values[:3] == [
            quantity(row["full scale [A]"], "A"),
            quantity(row["full scale [A]"] * 1e5, "V"),
            quantity(row["bit line [A]"], "A"),
        ]
        assert values[3] == f"{share(row['mean IR loss'])} (≤ {share(row['largest IR loss'])})"
    of_readouts = cells(out, "needs behind 100 kΩ, and an offset of 5 mV = 50 nA")
    for row, values in zip(needs.to_dict("records"), of_readouts.values(), strict=True):
        assert values[1:3] == [quantity(row["step [A]"], "A"), quantity(row["step [V]"], "V")]
        assert values[5] == share(row["offset / full scale"])
    assert of_readouts["1 (NSMLinear)"][0] == "comparator"
    assert of_readouts["3 (Linear)"][0] == "ADC, 8 bits*"
    assert "* The hardware has no adc; 8 bits are assumed" in out


def test_the_tables_say_what_is_not_there(run, folder, narrow):
    out = run(f"{FEW} --set adc.bits=5 --set device.levels=none --transimpedance 2e4")[1]
    currents = cells(out, "currents")
    assert currents["1 (NSMLinear)"][3:5] == ["no wires", "continuous"]
    assert currents["3 (Linear)"][3:] == ["no wires", "continuous", "none"]
    readouts = cells(out, "needs behind 20 kΩ, and an offset of 5 mV = 250 nA")
    assert readouts["3 (Linear)"][0] == "ADC, 5 bits"
    assert "for comparators the noise of a sum, since cells are continuous" in " ".join(out.split())
    assert "assumed" not in out


def test_the_default_transimpedance_is_that_of_the_library():
    parameters = inspect.signature(nsm.cli.map.map_network).parameters
    assert parameters["transimpedance"].default == TRANSIMPEDANCE


def test_one_tile_and_one_image_are_two_files(run, folder):
    line = f'{FEW} --tile-shape 32x32 --spice spice --tile "layer 1:1,0" --image 3'
    status, out, _ = run(line)
    assert status == 0
    assert "2 netlists are in spice" in out
    names = [p.name for p in sorted(Path("spice").iterdir())]
    assert names == [f"layer_1_main_tile1_0_{cells}.cir" for cells in ("neg", "pos")]
    text = Path("spice/layer_1_main_tile1_0_pos.cir").read_text()
    volts = {float(line.split()[-1]) for line in text.splitlines() if line.startswith("Vd")}
    assert volts == {-0.1, 0.1}  # inputs are signs


@pytest.mark.parametrize("option", ["--tile-shape 32x16", "--set tile_shape=[32,16]"])
def test_tiles_have_the_shape_asked_for(option, run, folder):
    from nsm.cli.options import hardware_from

    settings = [option.removeprefix("--set ")] if "--set" in option else None
    shape = None if settings else option.split()[1]
    hardware = hardware_from("fefet_jerry2017", "none", settings, shape)
    assert hardware.tile_shape == (32, 16)
    assert run(f"{FEW} {option}")[0] == 0
    assert shape_of("8×4") == [8, 4]


def test_lists_in_settings_are_lists_as_in_toml(run, folder):
    from nsm.cli.options import hardware_from

    levels = "device.levels=[4e-8, 1e-6, 1.7e-6]"
    hardware = hardware_from("fefet_jerry2017", "none", [levels])
    assert hardware.device.levels == (4e-8, 1e-6, 1.7e-6)
    assert "one level" in run(f"{FEW} --set '{levels}'")[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--images 451", "--images = 451, but digits has 450 test images; give at most so many"),
        ("--image 450 --spice s", "--image 450 is not there; digits has the test images 0 to 449"),
        ("--image -1 --spice s", "--image -1 is not there; digits has"),
        ("--image 3", "--image 3 has no effect without --spice; add the folder"),
        ('--tile "1:0,0"', "--tile 1:0,0 has no effect without --spice"),
        ("--tile 1 --spice s", "tile '1' is no tile; give LAYER:ROW,COLUMN"),
        ("--tile 1:5,0 --spice s", "has no tile 5,0 in its array 'main'; its tiles are 0,0 to 0,0"),
        ("--tile 0:0,0 --spice s", "unknown layer on tiles '0'"),
        ("--spice small.safetensors", "cannot write to small.safetensors: small.safetensors is a"),
        (
            "--out small.safetensors/a",
            "cannot write to small.safetensors/a: small.safetensors is a",
        ),
        ("--tile-shape 64", "--tile-shape '64' is no shape; give WORD_LINESxBIT_LINES"),
        ("--tile-shape 64x0", "bit lines = 0 is not allowed"),
        (
            "--tile-shape 64x64 --set tile_shape=[8,8]",
            "--set tile_shape and --tile-shape are the same; leave one out",
        ),
        ("--transimpedance 0", "transimpedance = 0.0 is not allowed"),
        ("--gate none", "layer 1 (NSMLinear): the hardware's reads are free of noise"),
    ],
)
def test_what_map_refuses_it_refuses_before_it_reads(options, message, run, folder, monkeypatch):
    monkeypatch.setattr(
        "nsm.chips.chip.MappedNetwork.error_rate", lambda *_, **__: pytest.fail("it reads images")
    )
    status, out, err = run(f"map small.safetensors --threads 1 {options}")
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("map mnist_mpl", r"no network 'mnist_mpl': .* \(did you mean 'mnist_mlp'\?\)"),
        ("presets show rram_wu", "unknown preset 'rram_wu'; did you mean 'rram_wu2018'"),
        ("presets show qqqq", "unknown preset 'qqqq', and none of the .* `nsm presets` lists them"),
    ],
)
def test_a_wrong_name_suggests_the_nearest_and_nothing_unrelated(run, line, message):
    status, _, err = run(line)
    assert status == 2
    assert re.search(message, err)


@pytest.mark.parametrize("check", ["", " --check"])
def test_rows_go_to_csv_or_parquet_alone(run, folder, check):
    status, _, err = run(f"sweep levels.toml --out lev.txt{check}")
    assert status == 2
    assert "unknown ending of lev.txt '.txt'" in err
    assert ".csv, .parquet" in err
    assert not Path("lev.txt").exists()
