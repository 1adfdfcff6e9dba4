"""Fit of the relaxation of RRAM to half of the measured cells, and its test on the other half.

    python examples/fit_relaxation.py [FOLDER]      (a few seconds)

FOLDER (default: $NSM_DATA_DIR/rram-relaxation) holds relax_techA.npz and bake_techA.npz: about
16,000 cells of technology A of github.com/akashlevy/RRAM-Relaxation-Master-Model (MIT licence).
Cells with an even address are fitted. The printed process is the retention of the preset
`rram_levy2021`, rounded to three digits.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from usage import arguments

import devices

#: Conductances at which the size of the relaxation is fitted [S].
KNOTS = tuple(float(f"{g}e-6") for g in (0, 15, 45, 80, 110, 140, 180, 240))

#: Temperatures of the bake [°C]. Above 180 °C cells lose their conductance altogether.
BAKES = (100, 140, 180)
ROOM = 298.15
CELSIUS = 273.15


def relaxed_cells(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return addresses, conductances [S] after programming, times [s], and conductances then.

    The last one has the shape (times, cells), with NaN where a cell was not read.
    """
    data = np.load(folder / "relax_techA.npz")
    address = np.unique(data["addr"])
    times = np.unique(data["timepoint"])
    g = np.full((len(times), len(address)), np.nan)
    place = np.searchsorted(times, data["timepoint"]), np.searchsorted(address, data["addr"])
    g[place] = data["g"]
    rounded = np.array([float(f"{t:.3g}") for t in times[1:]])  # 0.01 s and not 0.0099999998 s
    return address, g[0], rounded, g[1:]


def baked_cells(folder: Path, celsius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return addresses, conductances [S] before and after a bake, and its duration [s]."""
    data = np.load(folder / "bake_techA.npz")
    chosen = data["temp"] == celsius
    address, time, g = (data[name][chosen] for name in ("addr", "time", "g"))
    before, after = time == 0, time > 0
    order = [np.flatnonzero(part)[np.argsort(address[part])] for part in (before, after)]
    start, later = g[order[0]].astype(np.float64), g[order[1]].astype(np.float64)
    return address[order[0]], start, later, float(np.median(time[after]))


def fitted(folder: Path) -> devices.RelaxationProcess:
    """Return the process fitted to the cells with an even address."""
    address, start, times, later = relaxed_cells(folder)
    even = address % 2 == 0
    process = devices.fit_relaxation(
        start[even],
        later[:, even],
        times.tolist(),
        conductances=KNOTS,
        measured_at=ROOM,
        resamples=0,
    ).model
    energies = []
    for celsius in BAKES:
        address, before, after, seconds = baked_cells(folder, celsius)
        even = address % 2 == 0
        kelvin = celsius + CELSIUS
        energies.append(
            devices.activation_energy_ev(
                process, before[even], after[even], seconds, temperature=kelvin
            )
        )
    return replace(process, activation_energy_ev=float(np.mean(energies)))


def summary(start: np.ndarray, later: np.ndarray) -> dict[str, float]:
    """Return what the process is tested on, of cells that were read at all times.

    Args:
        start: Conductances [S] after programming, (cells,).
        later: Conductances [S] at the six times, (6, cells).
    """
    known = np.isfinite(later).all(axis=0)
    change = later[:, known] - start[known]
    correlation = np.corrcoef(change)
    increment = change[5] - change[2]
    # Deviations in units of the spread of cells of the same conductance.
    bins = np.minimum(start[known] // 10e-6, 23).astype(int)
    mean, spread = (
        np.array([f(change[5][bins == k]) for k in range(24)])[bins] for f in (np.mean, np.std)
    )
    return {
        "correlation between 0.01 s and 10⁴ s": correlation[0, 5],
        "correlation between 1 s and 10⁴ s": correlation[2, 5],
        "increment from 1 s to 10⁴ s, rms [µS]": increment.std() * 1e6,
        "mean change by 10⁴ s [µS]": change[5].mean() * 1e6,
        "spread at 10⁴ s [µS]": change[5].std() * 1e6,
        "share of cells beyond 5 σ(g) at 10⁴ s": np.mean(np.abs(change[5] - mean) > 5 * spread),
    }


def rounded(process: devices.RelaxationProcess) -> devices.RelaxationProcess:
    """Return a process whose numbers have three digits."""

    def three(value: float | tuple[float, ...]) -> float | tuple[float, ...]:
        if isinstance(value, tuple):
            return tuple(float(f"{v:.3g}") for v in value)
        return float(f"{value:.3g}")

    names = ("clock", "fluctuation", "mean", "scales", "kappa", "activation_energy_ev")
    return replace(process, **{name: three(getattr(process, name)) for name in names})


def main(folder: Path) -> None:
    """Print the fitted process, and how measured and simulated cells compare."""
    process = rounded(fitted(folder))
    print(process)
    address, start, times, later = relaxed_cells(folder)
    odd = address % 2 == 1
    cells = np.tile(start[odd], 10)
    simulated = np.array([process.age(cells, t, rng=0) for t in times])
    measured = summary(start[odd], later[:, odd])
    print(f"{'':42}{'measured':>10}{'model':>10}")
    for name, value in summary(cells, simulated).items():
        print(f"{name:42}{measured[name]:10.3g}{value:10.3g}")
    for celsius in BAKES:
        address, before, after, seconds = baked_cells(folder, celsius)
        odd = address % 2 == 1
        hot = replace(process, temperature=celsius + CELSIUS)
        model = hot.age(before[odd], seconds, rng=1) - before[odd]
        real = after[odd] - before[odd]
        name = f"spread after {seconds:.0f} s at {celsius} °C [µS]"
        print(f"{name:42}{real.std() * 1e6:10.3g}{model.std() * 1e6:10.3g}")


if __name__ == "__main__":
    data = Path(os.environ.get("NSM_DATA_DIR", "."))
    main(Path(*arguments() or [data / "rram-relaxation"]))
