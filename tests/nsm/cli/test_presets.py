"""`nsm presets`: the list, the data sheet of one preset, and the file to change."""

from pathlib import Path

import pytest

from devices import GATES, PRESETS, gate, preset
from nsm.sweeps import read_rows
from tests.helpers.command import SWEEP


def test_presets_lists_all_and_shows_one(run, folder):
    status, out, _ = run("presets")
    assert status == 0
    for name in (*PRESETS, *GATES):
        assert name in out
    assert "nsm presets show NAME" in out
    status, out, _ = run("presets show fefet_jerry2017")
    assert status == 0
    entry = PRESETS["fefet_jerry2017"]
    for text in (entry.citation, entry.status, entry.notes, "data sheet: fefet_jerry2017.png"):
        assert text in " ".join(out.split())
    assert Path("fefet_jerry2017.png").read_bytes().startswith(b"\x89PNG")


def test_the_list_fits_80_columns_and_breaks_no_word(run, folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = run("presets")
    assert status == 0
    assert max(len(line) for line in out.splitlines()) <= 80
    words = out.split()
    for entry in (*PRESETS.values(), *GATES.values()):
        assert entry.name in words
        for word in (*entry.technology.split(), "verified:", entry.status):
            assert word in words
    for heading in ("name", "technology", "range", "levels", "noise", "γ"):
        assert heading in words


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_presets_show_writes_the_data_sheet_where_it_is_told(ending, start, run, folder):
    status, out, _ = run(f"presets show nsm_bernoulli --out sheet.{ending}")
    assert status == 0
    assert f"data sheet: sheet.{ending}" in out
    assert Path(f"sheet.{ending}").read_bytes().startswith(start)
    assert not Path("nsm_bernoulli.png").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "show nsm_bernoulli --out no/a.png",
            "cannot write no/a.png: the folder no does not exist; create it first",
        ),
        ("show nsm_bernoulli --out a.bmp", "unknown figure format '.bmp'"),
        ("show nsm_bernoulli --out a", "unknown figure format ''"),
        ("export rram_wu2108", "unknown preset 'rram_wu2108'; did you mean 'rram_wu2018'?"),
    ],
)
def test_presets_that_cannot_be_shown_end_in_one_line(line, message, run, folder):
    status, _, err = run(f"presets {line}")
    assert status == 2
    assert err.startswith(f"nsm: {message}")
    assert err.count("\n") == 1


def test_exported_presets_are_the_presets(run, folder):
    for name in (*PRESETS, *GATES):
        status, out, _ = run(f"presets export {name}")
        assert status == 0
        Path("mine.toml").write_text(out)
        assert (preset if name in PRESETS else gate)("mine.toml") == {**PRESETS, **GATES}[
            name
        ].model


def test_a_file_of_ones_own_is_shown_as_a_preset_is(run, folder):
    text = run("presets export rram_wan2022")[1]
    Path("mine.toml").write_text(text.replace("g_max = 4e-05", "g_max = 3e-05"))
    assert "g_max = 3e-05" in Path("mine.toml").read_text()
    status, out, _ = run("presets show mine.toml")
    assert status == 0
    assert "data sheet: mine.png" in out
    assert " S to 3e-05 S, " in out
    assert "  without a model: " in out
    assert "Device(" not in out
    assert Path("mine.png").stat().st_size > 10_000
    Path("bare.toml").write_text('gate = {kind = "blank_out", p = 0.3}')
    status, out, _ = run("presets show bare.toml")
    assert status == 0
    assert "gate: BlankOut\n    p = 0.3\n" in out
    status, _, err = run("presets show none.toml")
    assert status == 2
    assert "no device file none.toml" in err


def test_an_exported_preset_is_changed_and_used(run, folder):
    _, out, _ = run("presets export rram_wu2018")
    assert "levels = 128" in out
    Path("mine.toml").write_text(out.replace("levels = 128", "levels = 3"))
    Path("switch.toml").write_text('[gate]\nkind = "stochastic_selector"\nleak = 0.01\n')
    options = "--images 20 --samples 2 --threads 1 --device mine.toml --gate switch.toml --out chip"
    status, _, err = run(f"map small.safetensors {options}")
    assert (status, err) == (0, "")
    sweep = SWEEP.replace('"fefet_jerry2017"', '"mine.toml"\ngate = "switch.toml"').replace(
        '"device.levels" = [4, 32]', 'device = ["mine.toml", "rram_wu2018"]'
    )
    Path("levels.toml").write_text(sweep)
    assert run("sweep levels.toml --threads 1")[0] == 0
    assert set(read_rows("levels.csv").device) == {"mine.toml", "rram_wu2018"}
