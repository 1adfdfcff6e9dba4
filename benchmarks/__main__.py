"""Run the benchmarks in one process and write each section of RESULTS.md as it finishes.

`python -m benchmarks` runs all, `python -m benchmarks Wires Training` those sections; the others
keep what they were. A ratio that fell by more than a fifth since the last results is marked.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import (
    any_network,
    devices,
    gpu,
    learning,
    networks,
    noises,
    reads,
    start,
    sweeps,
    training,
    wires,
)
from benchmarks.results_file import machine, marked, read_sections, write_sections
from devices.validation import choice

RESULTS = Path(__file__).parent / "RESULTS.md"


@dataclass(frozen=True)
class Section:
    """A section of the results.

    Attributes:
        lines: Measures, and returns the lines.
        lower_is_better: Whether a smaller ratio is the better one; default False.
    """

    lines: Callable[[], list[str]]
    lower_is_better: bool = False


SECTIONS = {
    "Start": Section(start.table, lower_is_better=True),
    "Reads of one array, 784 × 300, batch 1000": Section(reads.table),
    "Scaling, one thread": Section(reads.scaling),
    "Perceptron": Section(networks.table),
    "Every noise": Section(noises.table),
    "Convolutional network": Section(networks.conv_table),
    "Reads on a GPU": Section(gpu.table),
    "Any network": Section(any_network.table),
    "Convolutions under blank-out gates": Section(any_network.gated_table),
    "Mapping": Section(any_network.mapping_table),
    "Training": Section(training.table, lower_is_better=True),
    "Learning on the chip": Section(learning.table),
    "Peak memory": Section(networks.peak_memory),
    "Devices": Section(devices.table),
    "Fits of telegraph noise": Section(devices.fitting_table, lower_is_better=True),
    "Wires": Section(wires.table),
    "Sweeps": Section(sweeps.table),
    "MNIST": Section(networks.mnist_test_set),
}


def measured(title: str, section: Section, before: list[str]) -> list[str]:
    """Return the lines of a section, or one that says why it was not measured."""
    where, began = machine(), time.perf_counter()
    try:
        lines = section.lines()
    except OSError as missing:  # files that are not there, and downloads without a network
        return [f"Not measured: {title} needs data that are not at hand ({missing})."]
    seconds = time.perf_counter() - began
    lines = marked(lines, before, lower_is_better=section.lower_is_better)
    return [*lines, "", where.replace(".*", f"; measured in {seconds:.0f} s.*")]


def run(titles: list[str], path: Path = RESULTS) -> None:
    """Measure sections, print them, and write each one as it finishes."""
    before = read_sections(path)
    sections = {title: before[title] for title in SECTIONS if title in before}
    for title in titles:
        lines = measured(title, SECTIONS[title], before.get(title, []))
        print(f"## {title}\n\n" + "\n".join(lines) + "\n", flush=True)
        sections[title] = lines
        write_sections(path, {t: sections[t] for t in SECTIONS if t in sections})


def main() -> None:
    """Run the sections that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    named = parser.parse_args().sections
    try:
        titles = [choice("section", name, SECTIONS) for name in named] or list(SECTIONS)
    except ValueError as problem:
        parser.error(str(problem))
    run(titles)


if __name__ == "__main__":
    main()
