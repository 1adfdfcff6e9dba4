"""Bakes: two layouts of a table give the same bakes, and what is none is refused."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from devices import RelaxationProcess, fit_activation_energy
from nsm.measurements import fit_measurement, read_measurement

DATA = Path(os.environ.get("NSM_DATA_DIR", "none")) / "rram-relaxation" / "bake_techA.npz"
PROCESS = RelaxationProcess(
    times=(1.0, 1e4), clock=(0.5, 1.0), fluctuation=(0.01, 0.01), mean=(0.0, 0.0),
    conductances=(1e-6, 2e-4), scales=(2e-6, 2e-6), kappa=1.0, persistence=0.4,
)  # fmt: skip
HOT = replace(PROCESS, activation_energy_ev=0.1)


@pytest.fixture
def csv(tmp_path):
    """A function that writes lines to a CSV file and returns its path."""

    def write(text, name="a.csv"):
        (tmp_path / name).write_text(text.replace(" ", "\n") + "\n", encoding="utf-8")
        return tmp_path / name

    return write


def baked(cells=400):
    """Return temperature [°C], before and after [µS] of cells of two bakes of an hour."""
    start = np.random.default_rng(0).uniform(20, 150, cells)
    return [
        (t, start, replace(HOT, temperature=t + 273.15).age(start * 1e-6, 3600.0, rng=t) * 1e6)
        for t in (100, 160)
    ]


def test_rows_of_bakes_and_of_reads_give_the_energy_that_was_put_in(csv):
    rows, reads = ["cell,temp_°C,time_h,before_uS,after_uS"], ["cell,temp_°C,time_s,g_uS"]
    for t, start, later in baked():
        for i, (a, b) in enumerate(zip(start, later, strict=True)):
            rows.append(f"{i},{t},1,{a!r},{b!r}")
            reads += [f"{i},{t},{3600 + i / 100},{b!r}", f"{i},{t},0,{a!r}"]
    fits = []
    for lines in (rows, reads):
        found = read_measurement(csv(" ".join(lines).replace("np.float64", "")
                                     .replace("(", "").replace(")", "")), "bake")  # fmt: skip
        assert len(found.arrays["bakes"]) == 2
        assert len(found.cells) == 400
        assert found.counts == {"cells": 400, "values": 1600}
        fits.append(fit_measurement(found, process=PROCESS))
    for fit in fits:
        estimate = fit.estimates["activation_energy_ev"]
        assert abs(estimate.value - 0.1) < 3 * estimate.error
        assert estimate.error < 0.02
        assert fit.model == replace(PROCESS, activation_energy_ev=estimate.value)
        assert fit.counts["bakes"] == 2
    # The durations of the reads differ by 0.1 %, and so do the clocks of the two.
    assert fits[0].model.activation_energy_ev == pytest.approx(
        fits[1].model.activation_energy_ev, abs=1e-4
    )


def test_bakes_are_told_apart_by_temperature_and_duration(csv):
    text = "temp_K,time_s,before_uS,after_uS 400,10,1,2 400,20,3,4 300,10,5, 400,10,7,8 ,10,1,1"
    found = read_measurement(csv(text), "bake")
    bakes = found.arrays["bakes"]
    assert [(b.temperature, b.seconds) for b in bakes] == [(300, 10), (400, 10), (400, 20)]
    np.testing.assert_allclose(bakes[1].start, [1e-6, 7e-6])
    np.testing.assert_allclose(bakes[1].later, [2e-6, 8e-6])
    assert np.isnan(bakes[0].later).all()
    assert found.counts == {"values": 8, "without temperature or time": 1}


def test_equal_rows_of_bakes_are_counted(csv):
    text = "cell,temp_K,time_s,before_uS,after_uS a,400,10,1,2 a,400,10,1,2 b,400,10,1,2"
    found = read_measurement(csv(text), "bake")
    assert found.counts == {"cells": 2, "values": 4, "doubled": 1}
    assert read_measurement(csv(text), "bake", cell="b").counts["values"] == 2
    bare = text.replace("cell,", "").replace("a,", "").replace("b,", "")
    found = read_measurement(csv(bare), "bake")
    assert found.counts == {"values": 6, "equal rows": 2}
    assert found.notes[0].startswith("2 of 3 rows equal another row. Without a column of cells")
    text = "cell,temp_K,time_s,g_uS a,400,0,1 a,400,0,1 a,400,9,2 b,400,0,1"
    found = read_measurement(csv(text), "bake")
    assert found.counts == {"cells": 1, "values": 2, "doubled": 1, "read only once": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time_s,before_uS,after_uS 1,1,1", "no column 'temperature'"),
        ("temp_K,before_uS,after_uS 1,1,1", "no column 'time'"),
        ("temp_K,time_s,before_uS 1,1,1", "no column 'after'"),
        ("temp_K,time_s,x 1,1,1", "no column 'before'"),
        ("temp_K,time_s,g_uS 300,0,1 300,1,1", "no column 'cell'"),
        (
            "cell,temp_K,time_s,g_uS a,300,5,1 a,300,9,1",
            "cell a at 300 K was read at 5 s, 9 s; a b",
        ),
        ("cell,temp_K,time_s,g_uS a,300,0,1 a,300,5,1 a,300,9,1", "read at 0 s, 5 s, 9 s; a bake"),
        ("cell,temp_K,time_s,before_uS,after_uS a,300,5,1,2 a,300,5,1,3", "cell a has 2 rows with"),
        ("temp,time_s,before_uS,after_uS 100,1,1,1 120,1,1,1", "'temp' has no unit and a median"),
    ],
)
def test_tables_that_are_no_bakes_are_refused(csv, text, message):
    with pytest.raises(ValueError, match=message):
        read_measurement(csv(text), "bake")


@pytest.mark.skipif(not DATA.is_file(), reason="NSM_DATA_DIR has no rram-relaxation")
def test_measured_bakes_are_those_of_a_plain_reading():
    found = read_measurement(DATA, "bake", unit={"temp": "°C"})
    with np.load(DATA) as data:
        for bake, celsius in zip(found.arrays["bakes"], (100, 140, 180, 220, 260), strict=True):
            at = data["temp"] == celsius
            cold = at & (data["time"] == 0)
            assert bake.temperature == celsius + 273.15
            np.testing.assert_allclose(np.sort(bake.start), np.sort(data["g"][cold]))
            later = data["g"][at & (data["time"] > 0)]
            np.testing.assert_allclose(np.sort(bake.later), np.sort(later))
            durations = data["time"][at & (data["time"] > 0)]
            assert bake.seconds == pytest.approx(np.median(durations), rel=1e-6)
    energy = fit_activation_energy(PROCESS, found.arrays["bakes"]).counts
    assert (energy["bakes"], energy["left out"], energy["cells"]) == (5, 2, 81_920)
