"""What rows were computed with, as a page tells it: networks, tiles, energy, data, versions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crossbar import Hardware
from nsm.chips.hardware_table import HardwareTable
from nsm.datasets.registry import LOADERS, class_count
from nsm.quantities import area, quantity
from nsm.report.page import Table
from nsm.report.swept import Swept
from nsm.sweeps.axes import TRAINING_SEED
from nsm.sweeps.rows.sidecar import Sidecar


def software_errors(sidecars: Iterable[Sidecar | None]) -> dict[str, float]:
    """Return the error in software [fraction] of every network, where sidecars tell it."""
    found: dict[str, float] = {}
    for sidecar in sidecars:
        for name, network in ({} if sidecar is None else sidecar.networks).items():
            if "error" in network:
                found.setdefault(name, float(network["error"]))
    return found


def chance_level(sidecars: Iterable[Sidecar | None]) -> float | None:
    """Return the error of guessing, 1 − 1/classes, if a sidecar names a known data set."""
    for sidecar in sidecars:
        name = None if sidecar is None else sidecar.data.get("name")
        if name in LOADERS:
            return 1 - 1 / class_count(str(name))
    return None


def _tile(hardware: Hardware | HardwareTable | None) -> str:
    """Return the size of the tiles; "" if it is not known or differs from layer to layer."""
    if hardware is None:
        return ""
    parts = [hardware] if isinstance(hardware, Hardware) else list(hardware.values())
    shapes = {part.tile_shape for part in parts if part is not None}
    if len(shapes) != 1:
        return ""
    rows, columns = next(iter(shapes))
    return f" of {rows} word lines × {columns} bit lines"


def _described(sweeps: Sequence[Swept]) -> dict[str, tuple[Mapping[str, Any], Swept]]:
    """Return what sidecars tell of every network, the first file that has it first."""
    found: dict[str, tuple[Mapping[str, Any], Swept]] = {}
    for swept in sweeps:
        for name, network in ({} if swept.sidecar is None else swept.sidecar.networks).items():
            found.setdefault(name, (network, swept))
    return found


def tile_tables(sweeps: Sequence[Swept]) -> tuple[list[Table], list[str]]:
    """Return the tables of costs and of tiles by layer, and sentences on what is not known."""
    costs, tiles, texts = [], [], []
    for name, (network, swept) in _described(sweeps).items():
        if "not_mapped" in network:
            texts.append(f"{name} has no tiles without the axes: {network['not_mapped']}.")
            continue
        counts = network.get("tiles", {})
        if counts:
            total = sum(counts.values())
            shown = [(quantity(network[key], unit), "") if key in network else ("unknown", "")
                     for key, unit in (("energy", "J"), ("latency", "s"))]  # fmt: skip
            where = (area(network["area"]), "") if "area" in network else ("unknown", "")
            costs.append((name, [(f"{total}", _tile(swept.hardware)), *shown, where]))
            tiles += [(f"{name}, {layer}", [(str(count), "")]) for layer, count in counts.items()]
    tables = []
    if costs:
        samples = next(s.sidecar.samples for s in sweeps if s.sidecar is not None)
        note = (
            f"On the hardware without the axes, for one image with {samples} samples. Not counted: "
            "digital layers, control, clocks and memory (see the page on energy)."
        )
        tables.append(Table(
            caption="Tiles, energy, latency and area of one inference", first="network",
            columns=["tiles", "energy", "latency", "area"], rows=costs, note=note,
        ))  # fmt: skip
        tables.append(Table(caption="Tiles by layer", first="layer", columns=["tiles"], rows=tiles))
    return tables, texts


def missing_texts(sweeps: Sequence[Swept]) -> list[str]:
    """Return sentences on the files without a sidecar, and what is not known of them."""
    alone = [swept.file for swept in sweeps if swept.sidecar is None]
    if not alone:
        return []
    return [
        f"There is no sidecar beside {', '.join(alone)}. Not known: the hardware before the axes "
        "changed it, tiles and energy, the data set, the error in software and that of guessing, "
        "the versions, the machine, the seed of the sweep and the command. nsm sweep writes a "
        "sidecar beside its rows."
    ]


def _range(values: Iterable[Any]) -> str:
    """Return a list of numbers in words, a long one by its ends."""
    known = list(dict.fromkeys(values))
    if len(known) > 6:
        return f"{known[0]}, {known[1]}, …, {known[-1]} ({len(known)})"
    return ", ".join(map(str, known))


def rows_table(sweeps: Sequence[Swept]) -> Table:
    """Return what the rows themselves tell, one line for each file."""
    columns = {
        "networks": "network", "test images": "images", "samples per image": "samples",
        "numbers of the chips": "chip", "seeds of the trainings": TRAINING_SEED,
        "seeds of the chips": "seed",
    }  # fmt: skip
    known = {
        name: column
        for name, column in columns.items()
        if any(column in swept.rows.columns for swept in sweeps)
    }
    lines = []
    for swept in sweeps:
        rows = swept.rows
        cells = [
            (_range(rows[column]) if column in rows.columns else "none", "")
            for column in known.values()
        ]
        seconds = f"{rows['elapsed'].sum():.0f} s" if "elapsed" in rows.columns else "unknown"
        lines.append((swept.file, [(str(len(rows)), ""), *cells, (seconds, "")]))
    return Table(
        caption="Rows", first="file", columns=["rows", *known, "computing time"], rows=lines,
        is_text=True,
    )  # fmt: skip


def sidecar_facts(sidecar: Sidecar) -> dict[str, dict[str, object]]:
    """Return what a sidecar tells of the run, in named groups."""
    data = sidecar.data
    run: dict[str, object] = {
        "command": sidecar.command or "none: a notebook or a Python prompt",
        "started (UTC)": sidecar.started,
        "data": data.get("name", "a name was not given"),
        "images": data.get("images", "unknown"),
        "seed": sidecar.seed,
        "chips per point": sidecar.chips,
        "sampling": sidecar.sampling,
    }
    if sidecar.calibration:
        run["calibration"] = ", ".join(
            f"{key} {value}" for key, value in sidecar.calibration.items() if "sha256" not in key
        )
    if sidecar.calls:
        run["later calls"] = f"{len(sidecar.calls)} with another command, version or machine"
    if sidecar.notes:
        run["notes"] = "; ".join(sidecar.notes)
    return {"Run": run, "Versions": {**sidecar.versions}, "Machine": {**sidecar.machine}}


def layer_texts(sweeps: Sequence[Swept]) -> dict[str, str]:
    """Return the layers of every network as folded texts."""
    return {
        f"Layers of {name}": str(network["layers"])
        for name, (network, _) in _described(sweeps).items()
        if "layers" in network
    }
