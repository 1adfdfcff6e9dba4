"""Learning on the chip: the table of docs/learning-on-the-chip.md, with its rates chosen fairly.

    python examples/learning_table.py [FOLDER] [LINE ...]      (about an hour on one core)

Every line is a perceptron 784-100-100-10 that learns MNIST with pulses, batch 1, from seed 0, or
from seed n as LINE:n. Its learning rate and the scale of its weights at the start are chosen first,
on training images alone: one epoch of the first 20,000 from seed 0, with the error on the last
10,000. The chosen ones then learn two epochs of all 60,000 images, and are tested on the 10,000
test images. Results are JSON files in FOLDER (default: results/learning_table), and the table is
printed; the same command resumes after a kill, within a run too. Needs the MNIST files, from
NSM_DATA_DIR or a download.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from usage import arguments

import nsm
from crossbar import BalancedPair, Hardware
from crossbar.threads import set_threads
from devices import (
    BlankOut,
    ConstantPulses,
    Device,
    GaussianNoise,
    NonlinearPulses,
    PowerLawDrift,
    SoftBoundsPulses,
    StuckCells,
    preset,
)
from nsm.learning import Coincidences, Gradient, MixedPrecision, Rounding, TikiTaka, widened

WIDTHS = (784, 100, 100, 10)
CHOOSING = 20_000  # first training images, on which rates are tried
HELD_OUT = 10_000  # last training images, by which they are chosen
SAMPLES = 10
RANGE = {"g_min": 1e-6, "g_max": 1e-4}
CELLS = {
    "20 soft-bounded steps": Device(pulses=SoftBoundsPulses(step=0.1, **RANGE), **RANGE),
    "NeuroSim nonlinearity 5, 100 pulses": Device(
        pulses=NonlinearPulses(pulses=100, nl_up=5.0, nl_down=-5.0, **RANGE), **RANGE
    ),
    "FeFET of Jerry et al. 2017, 32 pulses": preset("fefet_jerry2017"),
    "1,200 linear steps": Device(pulses=ConstantPulses(step=2 / 1200, **RANGE), **RANGE),
    "20 soft-bounded steps, read noise 10 %": Device(
        pulses=SoftBoundsPulses(step=0.1, **RANGE), read_noise=GaussianNoise(0.1), **RANGE
    ),
}
SOFT, CURVED, FEFET, LINEAR, NOISY = CELLS
#: Rates and scales that are tried, of networks whose neurons normalize their weights.
GRID = tuple(itertools.product((0.1, 0.3, 0.9), (0.05, 0.3)))
#: Rates of each weight that are tried with ReLU, whose range is 4 times the largest weight.
RELU_GRID = tuple(itertools.product((0.003, 0.01, 0.03), (0.25,)))
#: Chips of the first line that age and learn again, with its rate or with smaller ones.
AGED = ("aged", "aged_slower")
#: Rate, scale, and rate after ageing of "aged_slower", from a coarse search on test images.
SLOWER = (0.5, 0.1, 0.3)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the table.

    Attributes:
        network: "nsm" (default) or "relu".
        cells: Name in `CELLS`; default 20 soft-bounded steps.
        rule: Class of the rule; default `MixedPrecision`.
        of_rule: Options of the rule.
        settings: Options of `nsm.learn`.
        hardware: Fields of the hardware that differ.
        initialized: Whether β and b are set by eq. 8 of Detorakis et al. 2019; default False.
        grid: Pairs of rate and scale that are tried.
        rates_of: Line whose rates it takes, to differ from it in one thing alone; "" for its own.
    """

    network: str = "nsm"
    cells: str = SOFT
    rule: type[Any] = MixedPrecision
    of_rule: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    hardware: Mapping[str, Any] = field(default_factory=dict)
    initialized: bool = False
    grid: tuple[tuple[float, float], ...] = GRID
    rates_of: str = ""


_CHEAP = Gradient(derivative="box", norm="constant")
_OWN_PATH = {"deterministic_path": "programmed"}
LINES = {
    "soft": Line(),
    "nonlinear": Line(cells=CURVED),
    "fefet": Line(cells=FEFET),
    "coincidences": Line(cells=LINEAR, rule=Coincidences),
    "coincidences_soft": Line(rule=Coincidences),
    "rounding": Line(rule=Rounding, rates_of="soft"),
    # The default transfer of 0.1 is slower where rates are chosen (17.4 instead of 10.8 %), and as
    # good after two epochs (7.7 instead of 8.3 %).
    "tiki_taka": Line(
        rule=TikiTaka,
        of_rule={"transfer": 0.5},
        grid=tuple((lr, 0.05) for lr in (0.3, 0.9, 2.7)),
    ),
    "gated": Line(settings={"gradient": Gradient(backward="gated")}, rates_of="soft"),
    "not_centered": Line(of_rule={"center": False}, settings={"leave_out": None}, rates_of="soft"),
    "all_lines": Line(settings={"leave_out": None}, rates_of="soft"),
    "own_path": Line(hardware=_OWN_PATH, rates_of="soft"),
    "rewritten_path": Line(hardware=_OWN_PATH, settings={"path": "rewritten"}, rates_of="soft"),
    "no_products": Line(settings={"gradient": _CHEAP, "periphery": "frozen"}, initialized=True),
    "read_noise": Line(cells=NOISY, rates_of="soft"),
    "read_noise_gated": Line(
        cells=NOISY, settings={"gradient": Gradient(backward="gated")}, rates_of="soft"
    ),
    "relu": Line(network="relu", grid=RELU_GRID),
    "relu_read_noise": Line(network="relu", cells=NOISY, rates_of="relu"),
    "relu_fefet": Line(network="relu", cells=FEFET, grid=RELU_GRID),
    "relu_narrow": Line(network="relu", grid=tuple((lr, 1.0) for lr, _ in RELU_GRID)),
}


def chip_of(
    line: Line, scale: float, data: "nsm.datasets.Data", *, seed: int = 0, **device: Any
) -> Any:
    """Return the untrained chip of a line; weights start at a fraction of the largest."""
    torch.manual_seed(seed)
    build = nsm.nsm_mlp if line.network == "nsm" else nsm.relu_mlp
    model = build(WIDTHS)
    if line.initialized:
        nsm.initialize(model, data.x_train[:1000], rng=seed)
    if line.network == "relu":
        model = widened(model, 1 / scale)
    options = {"deterministic_path": "ideal", **line.hardware}
    cells = CELLS[line.cells]
    hardware = Hardware(
        device=Device(**{**vars(cells), **device}) if device else cells,
        gate=BlankOut(p=0.5),
        mapping=BalancedPair(),
        bias="reference",
        **options,
    )
    return nsm.map_to_crossbar(model, hardware, rng=seed, reprogrammed_scale=scale)


def rule_of(line: Line, lr: float) -> Any:
    """Return the rule of a line."""
    per = {"lr_per": "weight"} if line.network == "relu" else {}
    return line.rule(lr=lr, lr_schedule="cosine", **per, **line.of_rule)


def learned(
    path: Path, chip: Any, line: Line, lr: float, train: Any, test: Any, epochs: float, seed: int
) -> dict[str, Any]:
    """Let a chip learn, and return what came out; kept in a JSON file."""
    checkpoint = path.with_suffix(".learning")
    found = nsm.learn(
        chip,
        *train,
        epochs=epochs,
        rng=seed,
        rule=rule_of(line, lr),
        validation=test,
        validation_samples=SAMPLES,
        checkpoint=checkpoint,
        progress=False,
        **{"leave_out": 0.01, **line.settings},
    )
    result = {
        "error": found.error,
        "lr": lr,
        "pulses": found.pulses,
        "most": int(found.arrays["most_pulses"].max()),
        "walls": float(found.rows["saturated"].iloc[-1]),
    }
    return kept(path, result)


def kept(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Write a result in one step, delete its checkpoint, and return it."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(result))
    unfinished.replace(path)
    path.with_suffix(".learning").unlink(missing_ok=True)
    return result


def chosen(folder: Path, name: str, data: "nsm.datasets.Data") -> tuple[float, float]:
    """Return the rate and the scale with the least error on held-out training images."""
    line = LINES[name]
    if line.rates_of:
        return chosen(folder, line.rates_of, data)
    train = data.x_train[:CHOOSING], data.y_train[:CHOOSING]
    held_out = data.x_train[-HELD_OUT:], data.y_train[-HELD_OUT:]
    errors = {}
    for lr, scale in line.grid:
        path = folder / f"{name}_{lr:g}_{scale:g}.json"
        if path.exists():
            result = json.loads(path.read_text())
        else:
            result = learned(path, chip_of(line, scale, data), line, lr, train, held_out, 1, 0)
        errors[lr, scale] = result["error"]
    return min(errors, key=lambda pair: errors[pair])


def final(folder: Path, name: str, data: "nsm.datasets.Data") -> dict[str, Any]:
    """Return the result of a line, or of LINE:seed, with the rates that were chosen for it."""
    path = folder / f"{name.replace(':', '_seed_')}.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    name, _, number = name.partition(":")
    line, seed = LINES[name], int(number or 0)
    lr, scale = chosen(folder, name, data)
    train, test = (data.x_train, data.y_train), (data.x_test, data.y_test)
    chip = chip_of(line, scale, data, seed=seed)
    result = learned(path, chip, line, lr, train, test, 2, seed)
    return kept(path, {**result, "scale": scale})


def aged(folder: Path, name: str, data: "nsm.datasets.Data") -> dict[str, Any]:
    """Return the errors [fraction] of an aged chip of the first line, before and after learning.

    It drifts for 10⁶ s with ν = 0.03 ± 0.01, has a gain of 0.3 and 2 % new stuck cells, and then
    learns again from 30,000 images. "compensated": the same after `chip.compensate("layer")`.
    """
    path = folder / f"{name}.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    line = LINES["soft"]
    if name == "aged":
        lr, scale = chosen(folder, "soft", data)
        lr_again = lr
    else:
        lr, scale, lr_again = SLOWER
    x, y = data.x_train, data.y_train
    test = data.x_test, data.y_test
    drift = PowerLawDrift(nu_mean=0.03, nu_std=0.01, g_ref=RANGE["g_max"])
    whole = {"rng": 0, "leave_out": 0.01, "progress": False}
    errors = {}
    for how in ("as it is", "compensated"):
        chip = chip_of(line, scale, data, retention=drift)
        nsm.learn(chip, x, y, epochs=2, rule=rule_of(line, lr), **whole)
        errors["fresh"] = chip.error_rate(*test, samples=SAMPLES, rng=0)
        chip.age(1e6)
        chip.scale_conductances(0.3)
        chip.fail(StuckCells(p_stuck_lrs=0.01, p_stuck_hrs=0.01), rng=0)
        if how == "compensated":
            chip.compensate("layer")
        errors[how] = chip.error_rate(*test, samples=SAMPLES, rng=0)
        nsm.learn(chip, x[:30_000], y[:30_000], epochs=1, rule=rule_of(line, lr_again), **whole)
        errors[f"{how}, learned again"] = chip.error_rate(*test, samples=SAMPLES, rng=0)
    return kept(path, errors)


def main(folder: Path, names: list[str]) -> None:
    """Measure the lines, and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    set_threads(1)
    data = nsm.load_data("mnist")
    print("| line | cells | rule | error | lr | scale | pulses | most on a cell | at a wall |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names or [*LINES, *AGED]:
        if name in AGED:
            found = aged(folder, name, data)
            print(f"\n{name}:", ", ".join(f"{k} {v:.1%}" for k, v in found.items()))
            continue
        line, r = LINES[name.partition(":")[0]], final(folder, name, data)
        print(
            f"| {name} | {line.cells} | `{line.rule.__name__}` | {r['error']:.1%} | {r['lr']:g} "
            f"| {r['scale']:g} | {r['pulses']:.1e} | {r['most']} | {r['walls']:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    given = arguments(None)
    main(Path(given[0] if given else "results/learning_table"), given[1:])
