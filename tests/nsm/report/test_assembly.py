"""The page of rows: which chapters it has, what they say, and that names stay names."""

import math
import re
import tomllib
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pandas as pd
import pytest

import nsm
from nsm import nsm_mlp
from nsm.plots.contrast import READABLE, contrast
from nsm.report.assembly import report_page, write_report
from nsm.report.origin import chance_level, software_errors
from nsm.report.page import html_of
from nsm.report.style import DARK, LIGHT
from nsm.report.tolerance_file import check_networks, tolerance_part
from nsm.verdict.result import Tolerances
from nsm.verdict.search import Found
from tests.nsm.report.made_rows import (
    BASE,
    HOSTILE,
    levels_and_gain,
    made_rows,
    made_sidecar,
    made_swept,
)


class Elements(HTMLParser):
    """Collects the elements of a page, and the texts between them."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        """The attributes of all elements of one kind."""
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def hostile():
    """The page of two axes and two networks, one of which has a hostile name."""
    networks = ("NSM", HOSTILE)
    rows = levels_and_gain(networks)
    rows.attrs.update(rows=24, planned=30)
    return html_of(report_page([made_swept(rows, made_sidecar(networks=networks))]))


def test_a_page_has_every_chapter(hostile):
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", hostile)
    assert headings == [
        "Verdict",
        "Robustness curves",
        "Two axes at once",
        "Tiles and energy",
        "Parameters",
        "How the rows came about",
    ]
    for said in (
        "rows.csv: Unfinished sweep: 24 of 30 rows.",
        "NSM works at the point of comparison: 4.0 % error",
        "<h3>Conductance levels per cell</h3>",
        "At common-mode gain of all conductances = 1.",
        "<td>9 <small> of 64 word lines × 64 bit lines</small></td><td>15 nJ</td><td>20 µs</td>",
        "layer 1 (NSMLinear)",
        "The device is the preset fefet_jerry2017, unchanged.",
        "nsm sweep rows.toml --seed 3",
        "<dt>python</dt><dd>3.11.7</dd>",
        "<dt>seed</dt><dd>3</dd>",
        "device.g_max = 1.78801e-06",
        "11, 12",
    ):
        assert said in hostile.replace("&quot;", "").replace('"', ""), said


def test_names_stay_names(hostile):
    page = Elements(hostile)
    assert page.of("script") == []
    assert not [a for _, attributes in page.elements for a in attributes if a.startswith("on")]
    assert HOSTILE in "".join(page.text)
    # 2 curves and one heat map for each of two networks.
    images = page.of("img")
    assert len(images) == 4
    assert sum(HOSTILE in image["alt"] for image in images) == 3


def test_figures_have_alternatives_in_words(hostile):
    first, _, of_nsm, _ = (image["alt"] for image in Elements(hostile).of("img"))
    assert first.startswith(
        "Test error over conductance levels per cell. NSM: 34.0 % at 2, 5.5 % at 8, 4.0 % at 32; "
    )
    assert of_nsm == (
        "Test error over conductance levels per cell and common-mode gain of all conductances. "
        "NSM: least 4.0 % at 32, 0.1, largest 34 % at 2, 0.1."
    )


def test_a_page_asks_no_server(hostile):
    page = Elements(hostile)
    for _, attributes in page.elements:
        for name in ("src", "srcset", "href", "action", "data", "poster"):
            value = attributes.get(name, "")
            assert not value or value.startswith(("data:", "#")) or value == "rows.csv"
    style = hostile[hostile.index("<style>") : hostile.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in hostile


@pytest.mark.parametrize("colors", [LIGHT, DARK])
def test_text_has_contrast(colors):
    for text in ("text", "quiet", "link"):
        for ground in ("page", "card"):
            assert contrast(colors[text], colors[ground]) >= READABLE


def test_colors_of_the_test_are_those_of_the_page(hostile):
    style = hostile[hostile.index("<style>") : hostile.index("</style>")]
    light, dark = re.findall(r":root \{([^}]*)\}", style)
    for block, colors in ((light, LIGHT), (dark, DARK)):
        assert dict(re.findall(r"--(\w+): (#\w+);", block)) == dict(colors)
    # Every color of a text is one of the variables that are tested.
    assert {*re.findall(r"[ ;{]color: ([^;]+);", style)} == {f"var(--{n})" for n in (
        "text", "quiet", "link")}  # fmt: skip


def test_what_is_unknown_without_a_sidecar_is_said():
    page = html_of(report_page([made_swept(levels_and_gain())]))
    assert "There is no sidecar beside rows.csv. Not known: the hardware" in page
    assert "its error in software is not known" in page
    for absent in ("Tiles and energy", "Parameters", "chance"):
        assert f"<h2>{absent}" not in page
        assert f">{absent}</h2>" not in page
    assert "seeds of the chips" in page


def test_what_is_given_counts_more_than_the_sidecar():
    swept = made_swept(levels_and_gain(), made_sidecar())
    page = html_of(report_page([swept], software={"NSM": 0.01}, title="A <title>"))
    assert "NSM does not work at the point of comparison: 4.0 % error, 3.0 points above" in page
    assert "ReLU does not work at the point of comparison: 4.0 % error, 1.0 points" in page
    assert "<h1>A &lt;title&gt;</h1>" in page


def test_the_heading_quotes_the_names_of_networks():
    rows = made_rows({}, lambda n, c: 40 + c, networks=("small", "NSM"))
    assert report_page([made_swept(rows)]).title == "What the chip costs “small”, “NSM”"


def test_rows_of_one_point_have_a_page_without_curves():
    rows = made_rows({}, lambda n, c: 40 + c)
    page = html_of(report_page([made_swept(rows, made_sidecar())]))
    assert "Robustness curves" not in page
    assert "<td>4.0 <small>± 0.6</small></td>" in page


def test_the_sidecar_tells_the_error_of_guessing_if_it_names_a_known_data_set():
    assert chance_level([None, made_sidecar()]) == pytest.approx(0.9)
    assert chance_level([made_sidecar(data="my_images")]) is None
    assert software_errors([None, made_sidecar()]) == pytest.approx({"NSM": 0.04, "ReLU": 0.03})


def test_bad_places_are_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    for out, message in (
        ("folder.html", "cannot write folder.html: it is a folder; name a file"),
        ("no/a.html", "cannot write no/a.html: the folder no does not exist"),
        ("a.pdf", r"cannot write a page to a.pdf: its name must end in .html, such as a.html"),
    ):
        with pytest.raises(ValueError, match=message):
            write_report("missing.csv", out)
    with pytest.raises(FileNotFoundError, match=r"no file missing.csv"):
        write_report("missing.csv")
    with pytest.raises(ValueError, match="there are no rows to report on; give a file of a sweep"):
        write_report([])


def test_measured_tolerances_are_a_chapter(tmp_path):
    file = tmp_path / "tolerances.csv"
    file.write_text(
        "network,axis,given,tolerated,decided,reason,repairs\n"
        'NSM,device.levels,32,3.0,True,"a, b",1\nReLU,gain,1,0.97123,False,,2\n'
    )
    part = tolerance_part(file)
    (table,) = part.tables
    assert part.texts == []
    assert list(table.columns) == ["given", "tolerated", "decided", "reason"]
    assert table.rows[0] == (
        "NSM: conductance levels per cell",
        [("32", ""), ("3", ""), ("yes", ""), ("a, b", "")],
    )
    assert [text for text, _ in table.rows[1][1]] == ["1", "0.971", "no", ""]


def test_tolerances_are_told_in_words(tmp_path):
    file = tmp_path / "tolerances.csv"
    file.write_text(
        "network,axis,given,tolerated,high,ratio,decided,reason\n"
        "NSM,levels,inf,8.0,0.0,32.0,False,not resolved\n"
        "NSM,stuck cells,0.0,0.0,inf,0.0,True,\n"
        "NSM,wires,inf,inf,4.0,0.0,True,\n"
        "NSM,temperature,,,,,False,does not act: none\n"
    )
    (table,) = tolerance_part(file).tables
    assert [[text for text, _ in cells] for _, cells in table.rows] == [
        ["exact", "8", "none tried", "32", "no", "not resolved"],
        ["0", "none", "none tried", "0", "yes", ""],
        ["exact", "exact", "4", "0", "yes", ""],
        ["", "", "", "", "", "does not act: none"],
    ]
    assert table.sentences == ("reason",)


def saved_tolerances(path, networks):
    """Save tolerances of levels, as `nsm tolerance` does, and return them."""
    found = [
        Found(
            network=name, axis="levels", given=16, tolerated=8, low=8, high=4, ratio=2,
            ratio_high=4, unit="levels", decided=True, reference="given", falls=True,
        )
        for name in networks
    ]  # fmt: skip
    table = pd.DataFrame([asdict(one) for one in found])
    errors = {"software": 0.03, "given": 0.03, "without_gate": math.nan, "refused": ""}
    base = pd.DataFrame(
        {"network": networks, **errors, "images": 300, "guessing": 0.9, "works": "yes"}
    )
    tolerances = Tolerances(table, base, {"loss": 0.01}, BASE, {})
    tolerances.save(path)
    return tolerances


def test_the_chapter_of_saved_tolerances_has_their_words_and_each_number_once(tmp_path):
    one = saved_tolerances(tmp_path / "one.csv", ["NSM"])
    part = tolerance_part(tmp_path / "one.csv")
    assert part.texts == [
        one.sentence,
        "Fix first: levels, the thinnest margin of the given values (a factor of 2: 8 levels "
        "tolerated, 16 levels given).",
    ]
    assert one.sentence == "NSM works on this hardware (error 3 %, in software 3 %)."
    (table,) = part.tables
    assert table.columns == [
        "given", "tolerated", "broken at", "ratio", "unit", "decided", "reason",
    ]  # fmt: skip
    assert [text for text, _ in table.rows[0][1]] == ["16", "8", "4", "2", "levels", "yes", ""]
    saved_tolerances(tmp_path / "two.csv", ["nsm", "ReLU"])
    texts = tolerance_part(tmp_path / "two.csv").texts
    assert texts[1].startswith("nsm: fix first: levels, ")


def test_saved_tolerances_hold_the_hashes_of_their_networks(tmp_path):
    networks = {"one": {0: nsm_mlp((4, 3, 2))}, "two": {n: nsm_mlp((4, 2, 2)) for n in (3, 5)}}
    found = replace(saved_tolerances(tmp_path / "a.csv", ["one", "two"]), networks=networks)
    found.save(tmp_path / "a.csv")
    told = tomllib.loads((tmp_path / "a.toml").read_text(encoding="utf-8"))["networks"]
    hashes = [task.model_id for task in nsm.grid(networks, BASE, {})]
    assert told["one"] == {"models": {"0": hashes[0]}}
    assert told["two"] == {"models": {"3": hashes[1], "5": hashes[2]}}
    assert len(set(hashes)) == 3
    replace(found, networks={"one": networks["one"][0]}).save(tmp_path / "a.csv")
    told = tomllib.loads((tmp_path / "a.toml").read_text(encoding="utf-8"))["networks"]
    assert told == {"one": {"model": hashes[0]}}


def test_tolerances_of_another_network_are_refused(tmp_path, monkeypatch):
    rows = made_rows({"levels": [2]}, lambda *_: 1, networks=["NSM"])
    monkeypatch.setattr("nsm.report.tolerance_file.read_rows", lambda _: rows)
    csv = tmp_path / "a.csv"
    csv.write_text("network,axis,tolerated\nNSM,gain,0.5\n")
    check_networks(csv, ["rows.csv"])  # without hashes of the tolerances the name decides
    for same in ('model = "m"', 'models.0 = "other"\nmodels.1 = "m"'):
        csv.with_suffix(".toml").write_text(f"[networks.NSM]\n{same}\n")
        check_networks(csv, ["rows.csv"])
    for other in ('model = "0123456789"', 'models.0 = "0123456789"'):
        csv.with_suffix(".toml").write_text(f"[networks.NSM]\n{other}\n")
        message = (
            f"{csv} and rows.csv are of different networks, which both call 'NSM': 01234567… in "
            f"{csv}, m… in rows.csv; give tolerances of the network of the sweep"
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            check_networks(csv, ["rows.csv"])
    csv.write_text("network,axis,tolerated\nmine,gain,0.5\n")
    csv.with_suffix(".toml").write_text('[networks.mine]\nmodel = "m"\n')
    check_networks(csv, ["rows.csv"])  # the same network under another name
    csv.with_suffix(".toml").write_text('[networks.mine]\nmodel = "n"\n')
    message = f"{csv} is of 'mine', and rows.csv of 'NSM': no network is in both; give tolerances"
    with pytest.raises(ValueError, match=re.escape(message)):
        check_networks(csv, ["rows.csv"])


WHOLE = "network,axis,tolerated,high\nNSM,gain,0.5,inf\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WHOLE + "NSM,read noi", "line 3 does not have one cell for each column"),
        (WHOLE + "NSM,gain,0.5,1,extra\n", "line 3 does not have one cell for each column"),
        (WHOLE.replace("high", "axis"), "line 2 does not have one cell for each column"),
        (WHOLE.replace("0.5", "nan"), "line 2 has tolerated = 'nan'; a number belongs there"),
        (WHOLE.replace("inf", "much"), "line 2 has high = 'much'; a number belongs there"),
    ],
)
def test_tolerances_that_were_cut_off_or_edited_are_refused(content, message, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(content)
    with pytest.raises(ValueError, match=f"a.csv, {message}"):
        tolerance_part(file)


def test_tolerances_may_come_from_a_program_of_tables(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(WHOLE, encoding="utf-8-sig")
    file.with_suffix(".toml").write_text('sentence = "works"', encoding="utf-8-sig")
    part = tolerance_part(file)
    assert part.texts == ["works"]
    assert len(part.tables[0].rows) == 1


@pytest.mark.parametrize(
    "table",
    [
        "3",
        "[1]",
        "{NSM = 3}",
        '{NSM = {models = "m"}}',
        "{NSM = {model = 5}}",
        "{NSM = {model = [1]}}",
    ],
)
def test_networks_of_another_form_beside_tolerances_are_refused(table, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(WHOLE)
    file.with_suffix(".toml").write_text(f"networks = {table}\n")
    with pytest.raises(ValueError, match="a.toml beside the tolerances holds networks = "):
        check_networks(file, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "it lacks network, axis, tolerated"), ("network,axis\na,b\n", "it lacks tolerated; nsm")],
)
def test_another_file_is_no_tolerances(content, message, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(content)
    with pytest.raises(ValueError, match=f"a.csv is not a CSV of tolerances: {message}"):
        tolerance_part(file)
    with pytest.raises(FileNotFoundError, match="no file"):
        tolerance_part(tmp_path / "b.csv")
