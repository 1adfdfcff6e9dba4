"""The page in a browser: no error, no sideways scrolling, light and dark, reached by keyboard."""

import json
from html import unescape

import numpy as np
import pytest
from matplotlib.image import imread

from nsm.plots.contrast import READABLE, contrast
from nsm.report.assembly import report_page
from nsm.report.page import html_of, write_page
from nsm.report.style import DARK, LIGHT
from tests.helpers.browser import chromium, measured, needs_chromium
from tests.nsm.report.made_rows import HOSTILE, levels_and_gain, made_sidecar, made_swept

pytestmark = needs_chromium

#: Foreground and background, as the browser shows them, of every element that holds text.
COLORS = """[...page.querySelectorAll('body *')].filter(
  e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && !e.closest('svg, style')
).map(e => {
  let ground = e;
  while (ground && view.getComputedStyle(ground).backgroundColor == 'rgba(0, 0, 0, 0)')
    ground = ground.parentElement;
  return [view.getComputedStyle(e).color, view.getComputedStyle(ground).backgroundColor, e.tagName]
})"""
#: Width of the view and of the page, and boxes that stand out of it without scrolling themselves.
WIDTHS = """[view.innerWidth, page.documentElement.scrollWidth,
  [...page.querySelectorAll('body *')].filter(
    e => e.getBoundingClientRect().right > view.innerWidth + 1 && !e.closest('.scroll')
  ).map(e => e.tagName)]"""
#: What the tabulator key stops at, and where links within the page lead.
KEYS = """[[...page.querySelectorAll('a[href], summary, [tabindex="0"]')].map(e => e.tagName),
  [...page.querySelectorAll('nav a')].map(a => !!page.querySelector(a.getAttribute('href')))]"""


@pytest.fixture(scope="module")
def page():
    """The page of two axes and two networks, one of which has a hostile name."""
    networks = ("NSM", HOSTILE)
    swept = made_swept(levels_and_gain(networks), made_sidecar(networks=networks))
    return report_page([swept])


def rgb(text):
    """A color of the browser as fractions."""
    return [float(v) / 255 for v in text[text.index("(") + 1 : -1].split(",")[:3]]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (500, True)])
def test_the_page_is_drawn_without_an_error(page, width, dark, tmp_path):
    file, shot = write_page(tmp_path / "page.html", page), tmp_path / "page.png"
    _, console = chromium(file, f"--window-size={width},1200", f"--screenshot={shot}", dark=dark)
    assert console == []
    pixels = imread(shot)[..., :3]
    assert pixels.shape[1] == width
    ground = np.array([int((DARK if dark else LIGHT)["page"][i : i + 2], 16) for i in (1, 3, 5)])
    np.testing.assert_allclose(255 * pixels[-1, 2], ground, atol=1)
    assert pixels.std() > 0.05  # something stands on it


def test_nothing_scrolls_sideways_but_tables_in_their_boxes(page, tmp_path):
    for width in (360, 1280):
        view, wide, outside = json.loads(unescape(measured(tmp_path, html_of(page), WIDTHS, width)))
        assert view == width
        assert wide <= width
        assert outside == []


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read(page, dark, tmp_path):
    found = json.loads(unescape(measured(tmp_path, html_of(page), COLORS, 800, dark=dark)))
    assert len(found) > 100
    assert rgb(found[0][1]) == pytest.approx(
        [int((DARK if dark else LIGHT)["page"][i : i + 2], 16) / 255 for i in (1, 3, 5)]
    )
    for color, ground, tag in found:
        assert contrast(rgb(color), rgb(ground)) >= READABLE, tag


def test_the_keyboard_reaches_contents_tables_and_folds(page, tmp_path):
    stops, leads = json.loads(unescape(measured(tmp_path, html_of(page), KEYS, 800)))
    assert stops.count("DIV") == 5  # boxes of tables
    assert stops.count("SUMMARY") == 3
    assert leads == [True] * 6
