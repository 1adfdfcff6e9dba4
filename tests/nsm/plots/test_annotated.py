"""Arguments of figures are what their annotations say, or refused by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from nsm.plots.annotated import checked


@checked
def draw(
    rows: pd.DataFrame,
    *,
    x: str = "gain",
    lines: Sequence[str] = (),
    sizes: Sequence[int] = (),
    figures: Mapping[str, Figure] | None = None,
    path: str | Path | None = None,
    flag: bool = False,
    error: float = 0.0,
    anything: Any = None,
    several: int | str = 0,
) -> str:
    """Return that all arguments were taken."""
    return "drawn"


ROWS = pd.DataFrame({"gain": [1.0]})


@pytest.mark.parametrize(
    "given",
    [{}, {"x": "levels"}, {"lines": ["a"], "sizes": [0, 4]}, {"figures": {"a": Figure()}},
     {"figures": None, "path": None}, {"path": Path("a")}, {"flag": True}, {"error": 1},
     {"anything": object(), "several": "a"}],
)  # fmt: skip
def test_what_annotations_say_is_taken(given):
    assert draw(ROWS, **given) == "drawn"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": [1]}, r"rows = \[1\] is not a DataFrame; give the rows of nsm.collect"),
        ({"rows": None}, "rows = None is not a DataFrame"),
        ({"x": None}, "x = None is not a text"),
        ({"lines": "ab"}, "lines = 'ab' is not a list; give a list of str"),
        ({"lines": ["a", 5]}, "member of lines = 5 is not a text"),
        ({"sizes": [1.5]}, "member of sizes = 1.5 is not allowed; give a whole number"),
        ({"figures": {}}, "figures is empty; give at least one by its name"),
        ({"figures": {"a": 5}}, r"figures\['a'\] = 5 is not a Figure"),
        ({"path": 5}, "path = 5 is not a path"),
        ({"flag": 1}, "flag = 1 is not allowed; give True or False"),
    ],
)
def test_other_types_are_refused_by_name(given, message):
    with pytest.raises(ValueError, match=message):
        draw(**{"rows": ROWS} | given)
