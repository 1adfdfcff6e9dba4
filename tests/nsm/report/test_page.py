"""The page of a run: its parts, and that all of its text is escaped."""

import re
import xml.etree.ElementTree as ET

import pytest

from nsm.plots.report import Picture, Report, Section, Summary, write_report
from nsm.plots.style import COLORS
from nsm.plots.tile_drawing import tile_drawing

SUMMARY = Summary(["NSM", "a<b"], COLORS[:2], [("er<ror", [("1.0", "± 0.1"), ("<2", "")])], "no<te")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a<b.png"
    path.write_bytes(b"\x89PNG")
    return path


def test_all_text_of_a_page_is_escaped(tmp_path, picture):
    sections = [Section("x < y", "a & b", [Picture(picture)], "r<ows.csv")]
    report = Report(
        "ti<tle",
        ["in<tro"],
        SUMMARY,
        drawing_text=["dr<aw"],
        drawing="<svg></svg>",
        panels_text="pa<nels",
        panels=sections,
        details=sections,
        facts={"gr<oup": {"k<": "<script>"}},
        code="co<de",
        foot="fo<ot",
    )
    page = write_report(tmp_path / "p.html", report).read_text()
    assert "<h3>x &lt; y</h3>" in page
    assert "a &amp; b" in page
    assert "<script>" not in page
    assert "a<b" not in page
    assert not re.findall(r"\b(?:ti|in|dr|pa|gr|co|fo|er|no|r)<\w", page)
    assert page.count("&lt;script&gt;") == 1


def test_the_summary_has_a_mark_in_the_color_of_every_network(tmp_path):
    page = write_report(tmp_path / "p.html", Report("title", [], SUMMARY)).read_text()
    assert re.findall(r'class="mark" style="background:(#\w+)"', page) == list(COLORS[:2])
    assert "<td>1.0 <small>± 0.1</small></td><td>&lt;2</td>" in page


def test_a_page_has_no_empty_parts(tmp_path):
    page = write_report(tmp_path / "p.html", Report("title", [], SUMMARY)).read_text()
    for absent in ("<svg", "Robustness curves", "Parameters", "<details>"):
        assert absent not in page


def test_a_dark_picture_is_shown_on_a_dark_page_only(tmp_path, picture):
    section = Section("t", "x", [Picture(picture, picture, "cap")])
    page = write_report(
        tmp_path / "p.html", Report("title", [], SUMMARY, panels=[section])
    ).read_text()
    assert re.search(r'<source media="\(prefers-color-scheme: dark\)" srcset="data:image/png', page)
    assert "<figcaption>cap</figcaption>" in page


def test_the_tile_is_well_formed_and_labels_its_parts():
    drawing = ET.fromstring(tile_drawing())
    words = " ".join("".join(text.itertext()) for text in drawing.iter("text"))
    for part in ("word lines", "bit lines", "G⁺", "G⁻", "ξ", "one gate per pair", "comparators"):
        assert part in words
    # Three word lines and three outputs: nine pairs of two cells and one gate.
    boxes = [box.get("class") for box in drawing.iter("rect")]
    assert boxes.count("cell") == boxes.count("minus") == 9
    assert len(list(drawing.iter("polygon"))) == 3 + 3  # drivers and comparators
