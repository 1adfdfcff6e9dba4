"""Learning on the chip: one coincidence update of a million cells, one sample of the perceptron."""

import numpy as np
import torch

import crossbar
import devices
import nsm
from benchmarks.timing import medians, threads
from crossbar.arrays.pulsed import PulsedArray
from nsm.learning import MixedPrecision, learn

LINES = 1000
SAMPLES = 200


def pulsed_million(response: devices.SoftBoundsPulses) -> PulsedArray:
    """Return an array of 10⁶ cells with a reference column, ready to be pulsed."""
    device = devices.Device(g_min=response.g_min, g_max=response.g_max, pulses=response)
    mapping = crossbar.ReferenceColumn()
    hardware = crossbar.Hardware(device=device, mapping=mapping, tile_shape=(LINES, LINES))
    w = np.random.default_rng(0).uniform(-1, 1, (LINES, LINES))
    k = mapping.siemens_per_weight(1.0, device)
    tiles = crossbar.TiledArray.program(w, hardware, siemens_per_weight=k, rng=0)
    return PulsedArray(tiles, rng=0)


def update_times() -> list[tuple[str, int, float, float]]:
    """Return a name, weights that got pulses, and the times [s] of an update and of `respond`.

    The reference is `PulseResponse.respond` of the same cells, one pulse on each.
    """
    ends = {"g_min": 1e-6, "g_max": 1e-4, "step": 0.1}
    laws = {
        "alike": devices.SoftBoundsPulses(**ends),
        "c2c and d2d": devices.SoftBoundsPulses(c2c=0.3, d2d_step=0.3, **ends),
    }
    random = np.random.default_rng(1)
    e, x = random.normal(size=LINES), np.sign(random.normal(size=LINES))
    rows = []
    for name, law in laws.items():
        array = pulsed_million(law)
        cells = law.init((LINES, LINES), rng=0)
        for rate in (1e-3, 1e-2):
            hit = array.coincide(e, x, rate=rate)
            with threads(1):
                times = medians(
                    {
                        "update": lambda a=array, r=rate: a.coincide(e, x, rate=r),
                        "respond": lambda p=law, c=cells: p.respond(5e-5, 1, c, rng=0),
                    },
                    runs=3,
                )
            rows.append((name, hit, times["update"], times["respond"]))
    return rows


def sample_times(widths: tuple[int, ...]) -> dict[str, float]:
    """Return the times [s] of one training sample of an NSM, on a chip and as torch's SGD step."""
    response = devices.SoftBoundsPulses(g_min=1e-6, g_max=1e-4, step=0.1)
    device = devices.Device(g_min=1e-6, g_max=1e-4, pulses=response)
    hardware = crossbar.Hardware(
        device=device,
        gate=devices.BlankOut(0.5),
        mapping=crossbar.BalancedPair(),
        bias="reference",
        deterministic_path="ideal",
    )
    torch.manual_seed(0)
    model = nsm.nsm_mlp(widths)
    relu = nsm.relu_mlp(widths)
    chip = nsm.map_to_crossbar(model, hardware, rng=0, reprogrammed_scale=0.1)
    random = np.random.default_rng(0)
    x, y = random.random((SAMPLES, widths[0])), random.integers(0, widths[-1], SAMPLES)
    pairs = [
        (torch.as_tensor(x[i : i + 1], dtype=torch.float32), torch.as_tensor(y[i : i + 1]))
        for i in range(SAMPLES)
    ]

    def epoch_of(network: torch.nn.Module) -> None:
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
        for image, label in pairs:
            loss = torch.nn.functional.cross_entropy(network(image), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    with threads(1):
        times = medians(
            {
                "chip": lambda: learn(
                    chip, x, y, epochs=1, rng=0, rule=MixedPrecision(), progress=False
                ),
                "torch NSM": lambda: epoch_of(model),
                "torch ReLU": lambda: epoch_of(relu),
            },
            runs=3,
        )
    return {name: t / SAMPLES for name, t in times.items()}


def table() -> list[str]:
    """Return the rows of both tables."""
    rows = [
        "| 10⁶ cells | weights with pulses | coincidence update [ms] | `respond` [ms] | ratio |",
        "|---|---|---|---|---|",
    ]
    for name, hit, update, respond in update_times():
        rows.append(
            f"| {name} | {hit} | {update * 1e3:.2f} | {respond * 1e3:.0f} "
            f"| {respond / update:.0f} |"
        )
    rows += [
        "",
        "| one sample | chip [ms] | torch NSM, SGD [ms] | torch ReLU, SGD [ms] | chip / ReLU |",
        "|---|---|---|---|---|",
    ]
    for widths in ((784, 100, 100, 10), (784, 300, 300, 300, 10)):
        t = sample_times(widths)
        rows.append(
            f"| {'-'.join(map(str, widths))} | {t['chip'] * 1e3:.2f} | {t['torch NSM'] * 1e3:.2f} "
            f"| {t['torch ReLU'] * 1e3:.2f} | {t['chip'] / t['torch ReLU']:.1f} |"
        )
    return rows


if __name__ == "__main__":
    print("\n".join(table()))
