"""Constants: each has a source, a unit and a status, and can be replaced alone."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from crossbar import CostConstants
from crossbar.cost.constants import STATUSES


def test_every_constant_tells_unit_source_and_status():
    table = CostConstants().table()
    assert [row.name for row in table] == [each.name for each in fields(CostConstants)]
    for row in table:
        assert row.status in STATUSES[:-1]
        assert len(row.source) > 10
        assert row.unit or row.name == "outputs_per_adc"
        # What was read somewhere says where; no reader can check "the literature".
        assert row.status == "assumed" or any(
            s in row.source for s in ("doi:", "github", "accel", "NeuRRAM")
        )


def test_the_docstring_describes_every_constant():
    for each in fields(CostConstants):
        assert f"        {each.name}: " in (CostConstants.__doc__ or "")


def test_the_page_on_energy_has_every_constant_as_it_is():
    page = (Path(__file__).parents[3] / "docs" / "energy.md").read_text(encoding="utf-8")
    for row in CostConstants().table():
        value = "as the reads need" if row.value is None else f"{row.value:g} {row.unit}".strip()
        assert f"| `{row.name}` | {value} | {row.status} |" in page, row.name


def test_a_replaced_constant_is_the_users():
    table = {row.name: row for row in replace(CostConstants(), comparator_energy=1e-15).table()}
    row = table["comparator_energy"]
    assert (row.value, row.status) == (1e-15, "yours")
    assert "6.7e-14" in row.source
    assert table["comparator_area"].status == "second-hand"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("comparator_energy", -1.0, r"CostConstants.comparator_energy = -1"),
        ("adc_rate", 0.0, r"CostConstants.adc_rate = 0"),
        ("adc_bits", 0, r"CostConstants.adc_bits = 0"),
        ("outputs_per_adc", 0, r"CostConstants.outputs_per_adc = 0"),
        ("outputs_per_adc", 1.5, r"CostConstants.outputs_per_adc = 1.5"),
        ("amplifier_power", float("nan"), r"CostConstants.amplifier_power = nan"),
        ("technology", "65 nm", r"CostConstants.technology = '65 nm'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(field, value, message):
    with pytest.raises(ValueError, match=message):
        CostConstants(**{field: value})
