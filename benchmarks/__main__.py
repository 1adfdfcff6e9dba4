"""Run all benchmarks in one process and write benchmarks/RESULTS.md."""

import platform
from pathlib import Path

from benchmarks import (
    any_network,
    devices,
    learning,
    networks,
    noises,
    reads,
    start,
    sweeps,
    training,
    wires,
)


def _processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    """Print and write every table."""
    sections = {
        "Start": start.table,
        "Reads of one array, 784 × 300, batch 1000": reads.table,
        "Scaling, one thread": reads.scaling,
        "Perceptron": networks.table,
        "Every noise": noises.table,
        "Convolutional network": networks.conv_table,
        "Any network": any_network.table,
        "Convolutions under blank-out gates": any_network.gated_table,
        "Mapping": any_network.mapping_table,
        "Training": training.table,
        "Learning on the chip": learning.table,
        "Peak memory": networks.peak_memory,
        "Devices": devices.table,
        "Fits of telegraph noise": devices.fitting_table,
        "Wires": wires.table,
        "Sweeps": sweeps.table,
    }
    try:
        sections["MNIST"] = networks.mnist_test_set
        lines = [
            "# Benchmarks\n\n`make bench`, medians of interleaved runs in one process, "
            f"on {_processor()}.\n"
        ]
        for title, section in sections.items():
            block = f"## {title}\n\n" + "\n".join(section()) + "\n"
            print(block, flush=True)
            lines.append(block)
    except FileNotFoundError as missing:
        lines.append(f"MNIST was not measured: {missing}\n")
    (Path(__file__).parent / "RESULTS.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
