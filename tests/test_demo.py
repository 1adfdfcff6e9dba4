"""The demonstration: from nothing to a page, here with two points per axis and one epoch."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from nsm import demo, load, relu_mlp
from nsm.data import load_digits
from nsm.page import Section, write_page
from nsm.sweep import grid, read_rows

AXES = demo.AXES  # as shipped; the fixture `small` shortens them
NETWORKS = ["NSM", "ReLU", "StNN"]


@pytest.fixture(scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "AXES", tuple(replace(a, values=list(a.values)[:2]) for a in demo.AXES))
        patch.setattr(demo, "WIDTHS", (64, 12, 10, 10))
        patch.setattr(demo, "CHIPS", 2)
        patch.setattr(demo, "SAMPLES", 1)
        patch.setattr(demo, "load_digits", lambda: load_digits(test_fraction=0.03))
        yield demo


@pytest.fixture(scope="module")
def results(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "results"
    page = small.run(folder, workers=1, epochs=1, progress=False)
    assert page == folder / "index.html"
    return folder


def test_every_axis_has_rows_and_a_figure_of_all_three_networks(small, results):
    for axis in small.AXES:
        rows = read_rows(results / f"{axis.stem}.csv")
        assert sorted(rows.network.unique()) == NETWORKS
        assert len(rows) == 3 * 2 * 2
        assert sorted(rows[axis.path].unique()) == sorted(axis.values)
        assert (results / f"{axis.stem}.png").read_bytes().startswith(b"\x89PNG")


def test_the_chip_is_drawn(results):
    for name in ("conductances", "weight_error", "firing_probability"):
        assert (results / f"chip_{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_networks_are_kept(results):
    networks = [load(path) for path in sorted(results.glob("*.safetensors"))]
    assert sorted(type(m[1]).__name__ for m in networks) == ["NSMLinear", "ReLU", "SigmoidLinear"]


def test_the_page_stands_alone_and_says_what_was_run(small, results):
    page = (results / "index.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == len(small.AXES) + 3
    assert all(s.startswith("data:image/png;base64,") for s in sources)
    assert "http" not in page
    for axis in small.AXES:
        assert f"<h2>{axis.title}</h2>" in page
        assert f'href="{axis.stem}.csv"' in page
    for fact in ("64-12-10-10", "each trained for 1 epochs", "Jerry", "BlankOut(p=0.5)", "<td>seed</td><td>0</td>"):
        assert fact.lower() in page.lower()


def test_the_same_call_resumes(small, results):
    before = {p.name: p.read_bytes() for p in results.glob("*.csv")}
    torn = results / f"{small.AXES[0].stem}.csv"
    torn.write_bytes(before[torn.name][:-20])
    small.run(results, workers=1, epochs=1, progress=False)
    for name, content in before.items():
        whole, again = pd.read_csv(results / name), (results / name).read_bytes()
        if name == torn.name:
            assert len(whole) == 12
            assert again.startswith(content[: content[:-20].rfind(b"\n")])
        else:
            assert again == content


def test_every_axis_of_the_demonstration_fits_its_hardware():
    for axis in AXES:
        tasks = grid(relu_mlp((64, 5, 10)), demo.demo_hardware(), {axis.path: axis.values})
        assert len({t.id for t in tasks}) == len(axis.values) >= 5


def test_what_a_page_shows_is_escaped(tmp_path):
    picture = tmp_path / "a<b.png"
    picture.write_bytes(b"\x89PNG")
    page = write_page(tmp_path / "p.html", [Section("x < y", "a & b", [picture], None)], {"k<": "<script>"}).read_text()
    assert "<h2>x &lt; y</h2>" in page
    assert "a &amp; b" in page
    assert "<script>" not in page
    assert "a<b" not in page
