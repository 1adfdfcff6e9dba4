"""A row that is not as it was written is refused by its line, or recovered."""

import numpy as np
import pandas as pd
import pytest
import torch

from crossbar import Hardware
from devices import BlankOut, Device
from nsm import collect, grid, merge_rows, nsm_mlp, read_rows
from nsm.sweeps.rows.checked_lines import CHECK, as_texts, check_of, from_row

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5))
SEED = 4_330_000_000_000_000_001
NAMES = [
    "NA",
    "null",
    "None",
    "01",
    "1e3",
    "True",
    "",
    "two\nlines",
    "a,b",
    " x ",
    '"',
    "é",
    "0x1f",
]


def sweep(path):
    x, y = np.sign(np.random.default_rng(0).standard_normal((5, 8))), np.arange(5) % 2
    networks = {}
    for name in ("NSM", "two\nlines"):
        torch.manual_seed(0)
        networks[name] = nsm_mlp((8, 6, 2))
    tasks = grid(networks, HARDWARE, {"gain": [0.1, 1.0, 1e-5]})
    return collect(tasks, x, y, chips=1, samples=1, rng=SEED, save_to=path, progress=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a file of six rows, and its table."""
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    sweep(path)
    return path, read_rows(path)


@pytest.fixture
def path(made, tmp_path):
    (tmp_path / "rows.csv").write_bytes(made[0].read_bytes())
    return tmp_path / "rows.csv"


def read_or_refused(path):
    """Return the table, or the message that refuses it."""
    try:
        return read_rows(path)
    except ValueError as problem:
        return str(problem)


def test_a_flipped_bit_is_refused_or_changes_nothing(made, path):
    content, table = path.read_bytes(), made[1]
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        flipped = bytearray(content)
        flipped[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        found = read_or_refused(path)
        if isinstance(found, str):
            assert "rows.csv" in found
            refused += 1
        else:
            # The end of the last line may be lost; then the row is torn, and computed again.
            pd.testing.assert_frame_equal(found, table.iloc[: len(found)])
            assert len(found) >= len(table) - 1
    assert refused > 280


def edit(path, line, old, new):
    lines = path.read_bytes().split(b"\r\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_bytes(b"\r\n".join(lines))


@pytest.mark.parametrize("read", [read_rows, sweep, lambda path: merge_rows([path], "all.csv")])
def test_an_edited_row_is_refused_by_its_line(read, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    edit(path, 3, b"NSM", b"NSN")
    before = path.read_bytes()
    with pytest.raises(
        ValueError,
        match=r"rows.csv, line 3: it was changed after it was written \(network = 'NSN', "
        r"chip = '0'\)\. Put the original line back, or remove it: the sweep .* computes it again",
    ):
        read(path)
    assert path.read_bytes() == before


def test_a_removed_line_is_computed_again(made, path):
    lines = path.read_bytes().split(b"\r\n")
    path.write_bytes(b"\r\n".join(lines[:2] + lines[3:]))
    sweep(path)
    again = read_rows(path).sort_values(["network", "gain"], ignore_index=True)
    wanted = made[1].sort_values(["network", "gain"], ignore_index=True)
    pd.testing.assert_frame_equal(again.drop(columns="elapsed"), wanted.drop(columns="elapsed"))


def test_a_spreadsheet_may_write_numbers_in_its_own_way(made, path):
    assert b",1e-05," in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b",1e-05,", b",0.00001,"))
    pd.testing.assert_frame_equal(read_rows(path), made[1])


def test_seeds_are_texts_that_no_spreadsheet_rounds(made):
    cells = pd.read_csv(made[0], dtype=str, keep_default_na=False)
    assert all(text.startswith("0x") for text in cells["seed"])
    assert [int(text, 16) for text in cells["seed"]] == made[1]["seed"].tolist()
    assert made[1]["seed"].max() > 2**53


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_marks_and_line_ends_of_editors_change_nothing(ending, mark, made, path):
    path.write_bytes(mark + path.read_bytes().replace(b"\r\n", ending))
    pd.testing.assert_frame_equal(read_rows(path), made[1])
    assert len(sweep(path)) == len(made[1])


def test_other_encodings_and_separators_say_what_to_do(path):
    content = path.read_bytes()
    path.write_bytes(content.decode().encode("utf-16"))
    with pytest.raises(ValueError, match=r"rows.csv was saved as UTF-16.*save it as UTF-8"):
        read_rows(path)
    with pytest.raises(ValueError, match=r"rows.csv was saved as UTF-16.*save it as UTF-8"):
        sweep(path)
    for mark, name in ((b";", "semicolons"), (b"\t", "tabs")):
        path.write_bytes(content.replace(b",", mark))
        with pytest.raises(ValueError, match=rf"separated by {name}: save it with commas"):
            read_rows(path)


def test_a_row_that_stands_there_twice_is_one_row(made, path):
    lines = path.read_bytes().split(b"\r\n")
    path.write_bytes(b"\r\n".join([*lines[:2], lines[1], *lines[2:]]))
    pd.testing.assert_frame_equal(read_rows(path), made[1])


def test_a_row_that_stands_there_twice_may_have_its_numbers_in_two_notations(made, path):
    lines = path.read_bytes().split(b"\r\n")
    (small,) = (line for line in lines if b",1e-05," in line and line.startswith(b"NSM"))
    twice = [*lines[:-1], small.replace(b",1e-05,", b",0.00001,"), b""]
    path.write_bytes(b"\r\n".join(twice))
    pd.testing.assert_frame_equal(read_rows(path), made[1])


def written(rows):
    """Return a file of rows whose checks are right."""
    texts = [as_texts(row) for row in rows]
    lines = [",".join([*texts[0], CHECK])]
    lines += [",".join([*text.values(), check_of(text)]) for text in texts]
    return "\r\n".join([*lines, ""])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"errors": 6}, "line 3: it has 6 errors in 5 images"),
        ({"errors": -1}, "line 3: it has -1 errors in 5 images"),
        ({"errors": 1.5}, "line 3: it has 1.5 errors in 5 images"),
        ({"errors": None}, "line 3: it has None errors in 5 images"),
        ({"images": True}, "errors in True images"),
        ({"chip": 0, "samples": 9}, "line 3: it contradicts line 2, of the same chip"),
    ],
)
def test_rows_without_meaning_are_refused_though_their_checks_are_right(changes, message, path):
    first = read_rows(path).iloc[0].to_dict() | {"network": "a"}
    path.write_text(written([first, first | {"chip": 1} | changes]), newline="")
    with pytest.raises(ValueError, match=message):
        read_rows(path)


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_the_round_trip(name):
    row = {"network": name, "seed": SEED, "chip": 0, "gain": 1.0, "task": "1e5", "axis": name}
    assert from_row(as_texts(row)) == row
    assert check_of(as_texts(row)) == check_of(as_texts(from_row(as_texts(row))))


def test_a_torn_last_line_is_left_out_and_a_full_one_is_not(made, path):
    content = path.read_bytes()
    for cut in range(1, 60):
        path.write_bytes(content[:-cut])
        assert len(read_rows(path)) == (6 if cut <= 2 else 5)
