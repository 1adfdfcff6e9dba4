"""The page of results: its parts, and that all of its text is escaped."""

import re
import xml.etree.ElementTree as ET

from nsm.plots.style import COLORS
from nsm.report.page import Card, Page, Part, Picture, Table, html_of, write_page
from nsm.report.tile_drawing import tile_drawing

TABLE = Table(
    caption="ca<ption",
    columns=["NSM", "a<b"],
    colors=COLORS[:2],
    rows=[("er<ror", [("1.0", "± 0.1"), ("<2", "")])],
    note="no<te",
)
PICTURE = Picture(light=b"\x89PNG", alt="al<t")


def page_of(**options):
    """The text of a page of one part."""
    return html_of(Page(title="title", parts=[Part(title="part", **options)]))


def test_all_text_of_a_page_is_escaped(tmp_path):
    card = Card(title="x < y", texts=["a & b"], pictures=[PICTURE], rows="r<ows.csv")
    part = Part(
        title="pt<itle",
        texts=["te<xt"],
        drawing="<svg></svg>",
        drawing_texts=["dr<aw"],
        tables=[TABLE],
        panels=[card],
        cards=[card],
        facts={"gr<oup": {"k<": "<script>"}},
        folded={"fh<ead": "co<de"},
    )
    report = Page(title="ti<tle", introduction=["in<tro"], parts=[part, part], foot="fo<ot")
    page = write_page(tmp_path / "p.html", report).read_text(encoding="utf-8")
    assert "<h3>x &lt; y</h3>" in page
    assert "a &amp; b" in page
    assert "<script>" not in page
    assert "a<b" not in page
    assert not re.findall(r"\b(?:ti|in|pt|te|dr|gr|co|fo|er|no|r|ca|al|fh)<\w", page)
    assert page.count("&lt;script&gt;") == 2


def test_quotes_cannot_leave_an_attribute():
    picture = Picture(light=b"", alt='" onerror="alert(1)')
    page = page_of(cards=[Card(title="t", pictures=[picture], rows='"><script>')])
    assert 'onerror="' not in page
    assert 'href="%22%3E%3Cscript%3E"' in page
    assert "<script" not in page


def test_names_of_files_are_no_addresses_of_another_kind():
    page = page_of(cards=[Card(title="t", rows="javascript:alert(1).csv")])
    assert 'href="javascript%3Aalert%281%29.csv">javascript:alert(1).csv</a>' in page
    assert 'href="../rows/a_b.csv"' in page_of(cards=[Card(title="t", rows="../rows/a_b.csv")])


def test_a_table_has_a_mark_in_the_color_of_every_network_and_a_box_that_the_keyboard_scrolls():
    page = page_of(tables=[TABLE])
    assert re.findall(r'class="mark" style="background:(#\w+)"', page) == list(COLORS[:2])
    assert "<td>1.0 <small>± 0.1</small></td><td>&lt;2</td>" in page
    assert '<div class="scroll" role="region" tabindex="0" aria-label="ca&lt;ption">' in page


def test_a_page_has_no_empty_parts():
    page = page_of()
    for absent in ("<svg", "<table", "<dl>", "<details>", "<figure", "<p>", "<nav"):
        assert absent not in page


def test_the_contents_lead_to_every_part():
    parts = [Part(title="one"), Part(title="one")]  # of the same name: anchors still differ
    page = html_of(Page(title="t", parts=parts))
    links = re.findall(r'<a href="#([\w-]+)">', page)
    assert links == re.findall(r'<h2 id="([\w-]+)">', page)
    assert len({*links}) == 2


def test_a_dark_picture_is_shown_on_a_dark_page_only():
    picture = Picture(light=b"\x89PNG", dark=b"\x89PNG2", alt="alt", caption="cap")
    page = page_of(panels=[Card(title="t", texts=["x"], pictures=[picture])])
    assert re.search(r'<source media="\(prefers-color-scheme: dark\)" srcset="data:image/png', page)
    assert "<figcaption>cap</figcaption>" in page


def test_figures_have_letters_of_one_size_however_wide_their_frame():
    pictures = [
        Picture(light=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big"), alt="alt")
        for width in (680, 1400)
    ]
    page = page_of(cards=[Card(title="t", pictures=pictures)])
    # A scale of 0.53 for both.
    assert re.findall(r'<img style="max-width:(\d+)px"', page) == ["360", "742"]


def test_headings_of_tables_are_not_broken_and_sentences_are_wide():
    page = page_of(
        tables=[
            Table(
                caption="c", columns=["decided", "reason"], rows=[("a", [("yes", ""), ("b", "")])],
                sentences=["reason"],
            )
        ]
    )  # fmt: skip
    assert '<td>yes</td><td class="sentence">b</td>' in page
    assert "thead th { white-space: nowrap;" in page
    assert "td.sentence { min-width: 16rem; }" in page


def test_the_tile_is_well_formed_and_labels_its_parts():
    drawing = ET.fromstring(tile_drawing())
    words = " ".join("".join(text.itertext()) for text in drawing.iter("text"))
    for part in ("word lines", "bit lines", "G⁺", "G⁻", "ξ", "one gate per pair", "comparators"):
        assert part in words
    # Three word lines and three outputs: nine pairs of two cells and one gate.
    boxes = [box.get("class") for box in drawing.iter("rect")]
    assert boxes.count("cell") == boxes.count("minus") == 9
    assert len(list(drawing.iter("polygon"))) == 3 + 3  # drivers and comparators
