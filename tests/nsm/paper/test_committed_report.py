"""RESULTS.md as it comes with the project, beside the raw results that come with it."""

from pathlib import Path

import pytest

from nsm.paper import level_report, range_report, report, residual_report, uncertainty_report

EXAMPLES = Path(__file__).parents[3] / "examples" / "paper"


@pytest.fixture
def rebuilt(tmp_path, monkeypatch):
    """Return the lines of the report on the raw results; its figures are not drawn."""
    for module in (report, range_report, level_report, residual_report, uncertainty_report):
        monkeypatch.setattr(module, "save_figure", lambda *_: None)
    return report.write_report(EXAMPLES / "runs", tmp_path).read_text().splitlines()


def test_results_are_those_of_the_raw_results_in_their_order(rebuilt):
    committed = iter((EXAMPLES / "RESULTS.md").read_text().splitlines())
    # Rows whose raw results were not kept stand between the others.
    for line in rebuilt:
        if "| not run" not in line:
            assert line in committed, f"RESULTS.md lacks this line, or has it elsewhere: {line}"
