"""The page of fits: every kind of measurement, its numbers, and what is open."""

import re

import pytest

from devices import Estimate
from nsm.report.fit_figures import cards_of
from nsm.report.fit_page import FittedFile, estimate_row, write_fit_page
from tests.helpers import fits


def measured(*names):
    """Return arrays by the names of arguments."""
    values = {
        "relaxation": dict(zip(("start", "later", "times"), fits.relaxed(), strict=True)),
        "temperature": dict(zip(("g", "temperatures"), fits.heated(), strict=True)),
    }
    return values.get(names[0], {})


EVERY = {
    "telegraph": 3, "read_noise": 3, "programming": 2, "levels": 2, "pulses": 3, "relaxation": 1,
    "temperature": 1,
}  # fmt: skip


@pytest.mark.parametrize("kind", EVERY)
def test_every_kind_has_its_figures(kind):
    cards = cards_of(getattr(fits, kind)(), measured(kind))
    assert len(cards) == EVERY[kind]
    for card in cards:
        (picture,) = card.pictures
        assert picture.light != picture.dark
        assert picture.alt.startswith(card.title)


def test_a_page_tells_numbers_notes_counts_and_device(tmp_path):
    files = [FittedFile(kind="telegraph", file="a<b.csv", fit=fits.telegraph(), notes=["Assumed."])]
    page = write_fit_page(
        tmp_path / "mine.html", files, title="mine", device_file="mine.toml",
        device_text="g_min = 1e-6\n", verdict_texts=["MNIST is not here."], command="nsm fit",
    ).read_text(encoding="utf-8")  # fmt: skip
    for name in fits.telegraph().estimates:
        assert re.search(rf'<th scope="row">{name}</th>', page)
    for text in ("MNIST is not here.", "Assumed.", "g_min = 1e-6", "Written by nsm fit.", "a&lt;b"):
        assert text in page
    assert "http" not in page.replace("http-equiv", "")


def test_numbers_have_units_and_intervals():
    row = estimate_row(Estimate(value=2e-6, error=1e-7, unit="S"))
    assert row == ("2 µS", "100 nS", "1.8 µS to 2.2 µS")
    assert estimate_row(Estimate(value=2.0))[1:] == ("unknown", "not told by the data")
    lost = Estimate(value=1e4, error=1e6, unit="Ω", positive=True)
    assert estimate_row(lost)[2] == "not told by the data"


def test_a_page_needs_its_ending(tmp_path):
    with pytest.raises(ValueError, match=r"cannot write a page to .*mine\.toml"):
        write_fit_page(tmp_path / "mine.toml", [], title="mine")
