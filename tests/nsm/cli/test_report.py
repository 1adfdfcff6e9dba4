"""`nsm report`, and the heat maps and levels of `nsm plot`."""

from pathlib import Path

import pytest

from nsm.cli.plot import software_from


@pytest.fixture
def swept(run, folder):
    """A folder with the rows of a small sweep."""
    assert run("sweep levels.toml --threads 1")[0] == 0
    return folder


def test_report_writes_a_page_beside_the_rows(run, swept):
    status, out, _ = run("report levels.csv")
    assert status == 0
    assert "written: levels.html" in out
    page = Path("levels.html").read_text(encoding="utf-8")
    for said in ("Verdict", "Two axes at once", "Tiles and energy", "preset fefet_jerry2017"):
        assert said in page
    assert "nsm sweep levels.toml --threads 1" in page
    Path("tolerances.csv").write_text("network,axis,tolerated\nsmall,gain,0.5\n")
    Path("pages").mkdir()
    line = "report levels.csv --out pages/a.html --title Mine --software small=0.5 --chance 0.9"
    assert run(f"{line} --tolerances tolerances.csv")[0] == 0
    page = Path("pages/a.html").read_text(encoding="utf-8")
    assert "<h1>Mine</h1>" in page
    assert 'href="../levels.csv"' in page
    assert "Measured tolerances" in page
    assert "its error in software." in page
    Path("tolerances.csv").write_text("network,axis,tolerated\nlarge,gain,0.5\n")
    status, _, err = run("report levels.csv --out b.html --tolerances tolerances.csv")
    assert status == 2
    assert "tolerances.csv is of 'large', and levels.csv of 'small': no network is in both" in err
    assert not Path("b.html").exists()


def test_plot_draws_heat_maps_and_levels(run, swept):
    line = "plot levels.csv --x device.levels --out a.svg"
    for options in (
        "--y gain",
        "--y gain --facet network --outline loss --errors linear",
        "--y gain --outline chance --chance 0.9",
        "--group gain --software small=0.2 --chance 0.9",
    ):
        Path("a.svg").unlink(missing_ok=True)
        assert run(f"{line} {options}")[0] == 0
        assert b"<svg" in Path("a.svg").read_bytes()
    for options, message in (
        ("--y gian", "unknown column 'gian'; did you mean 'gain'"),
        ("--y device.levels", "column 'device.levels' is given twice"),
        ("--y seconds", "the rows differ in gain ("),
        ("--y gain --group network", "--group network has no effect with --y"),
        ("--y gain --software small=0.2", "--software small=0.2 has no effect with --y"),
        ("--y gain --outline los", "unknown outline 'los'; did you mean 'loss'"),
        ("--group gain --outline loss", "--outline loss has no effect without --y"),
        ("--group gain --software smal=0.2", "unknown network with an error in software 'smal'"),
        ("--group gain --software small", "--software 'small' is no error in software; give NAME="),
        ("--group gain --chance 2", "chance = 2.0 is not allowed"),
    ):
        status, _, err = run(f"{line} {options}")
        assert status == 2
        assert message in err


def test_errors_in_software_are_read_by_name():
    assert software_from(["a=b=0.25", "NSM=0"]) == {"a=b": 0.25, "NSM": 0.0}
    assert software_from(None) == {}
    for texts, message in (
        (["=0.1"], "--software '=0.1' is no error in software"),
        (["NSM=1.4"], "--software NSM = 1.4 is not allowed"),
        (["NSM=0.1", "NSM=0.2"], "--software NSM is given twice; leave one out"),
    ):
        with pytest.raises(ValueError, match=message):
            software_from(texts)
