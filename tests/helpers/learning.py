"""Small chips that learn, and data that they can learn."""

import numpy as np
import torch

import crossbar
import devices
import nsm

RANGE = {"g_min": 1e-6, "g_max": 1e-4}
NETWORKS = {
    "nsm": nsm.nsm_mlp,
    "relu": nsm.relu_mlp,
    "bd": nsm.bd_mlp,
    "stnn": nsm.stnn_mlp,
}


def blobs(n, *, inputs=16, classes=3, rng=0):
    """Return images in [0, 1] of three noisy patterns, (n, inputs), and their classes."""
    random = np.random.default_rng(rng)
    patterns = np.random.default_rng(42).random((classes, inputs)) < 0.5
    y = random.integers(0, classes, n)
    flipped = patterns[y] ^ (random.random((n, inputs)) < 0.08)
    return np.where(flipped, 0.9, 0.1), y


def chip_of(kind, *, step=0.1, noisy=False, **fields):
    """Return a chip of a perceptron 16-12-3 with random weights on soft-bounded cells.

    Args:
        kind: One of `NETWORKS`.
        step: Step of the cells in weights from −1 to 1.
        noisy: Whether pulses differ from cell to cell, and from pulse to pulse.
        **fields: Of the device or the hardware.
    """
    spread = {"c2c": 0.3, "d2d_step": 0.3, "d2d_w_max": 0.1} if noisy else {}
    law = devices.SoftBoundsPulses if step > 1e-3 else devices.ConstantPulses
    of_device = {"pulses": law(step=step, **spread, **RANGE)}
    for name in ("read_noise", "retention", "faults", "pulses"):
        if name in fields:
            of_device[name] = fields.pop(name)
    gate = {"gate": devices.BlankOut(0.5)} if kind == "nsm" else {}
    hardware = crossbar.Hardware(
        device=devices.Device(**of_device, **RANGE),
        **{
            **gate,
            "mapping": crossbar.BalancedPair(),
            "bias": "reference",
            "deterministic_path": "ideal",
            **fields,
        },
    )
    torch.manual_seed(1)
    return nsm.map_to_crossbar(NETWORKS[kind]((16, 12, 3)), hardware, rng=0, reprogrammed_scale=0.5)


def weights_of(chip):
    """Return the weights of all layers of a chip."""
    return [layer.neurons.main.weights for layer in chip.layers]
