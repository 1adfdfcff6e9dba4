"""Gates from a counter: published words of Philox, the law of the gates, and sums beside a loop."""

import numpy as np
import pytest
import torch

import devices
import nsm
from crossbar import Hardware
from nsm.chips.torch_reads.gated_sums import GATES_AT_ONCE, gated_sums, plain_sums
from nsm.chips.torch_reads.random_bits import Draw, Opening, open_gates, words

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

# Known answers of Random123 (Salmon et al. 2011), file kat_vectors: philox 4×32, ten rounds.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "wanted"), KNOWN)
def test_words_are_those_of_philox(counter, key, wanted):
    first, second, third = (torch.tensor([c]) for c in counter[:3])
    found = words(Draw(key[0] | key[1] << 32, counter[3]), first, second, third)
    assert " ".join(f"{int(word):08x}" for word in found) == wanted


@pytest.mark.parametrize(("p", "digits"), [(0.5, 1), (0.25, 2), (0.75, 2), (0.3, 24), (1e-6, 24)])
def test_a_probability_is_its_binary_digits(p, digits):
    opening = Opening.of(p)
    assert opening.digits == digits
    assert opening.code / 2**opening.digits == pytest.approx(p, abs=2**-25)


@pytest.mark.parametrize("p", [0.5, 0.3, 0.9, 1.0])
def test_gates_are_open_with_their_probability_and_independent(p):
    gates = open_gates(Draw(7, 0), Opening.of(p), torch.arange(400), 150, 40).double()
    n = gates.numel()
    assert abs(float(gates.mean()) - p) <= 5 * np.sqrt(p * (1 - p) / n)
    centered = gates - p
    for axis in range(3):
        m = gates.shape[axis]
        one, other = centered.narrow(axis, 0, m - 1), centered.narrow(axis, 1, m - 1)
        error = p * (1 - p) / np.sqrt(one.numel())
        assert abs(float((one * other).mean())) <= 5 * error


def test_gates_depend_on_the_number_of_a_read_alone():
    opening = Opening.of(0.3)
    all_at_once = open_gates(Draw(3, 2), opening, torch.arange(50), 70, 9)
    some = open_gates(Draw(3, 2), opening, torch.arange(20, 30), 70, 9)
    assert (all_at_once[20:30] == some).all()
    assert (all_at_once != open_gates(Draw(3, 3), opening, torch.arange(50), 70, 9)).any()
    assert (all_at_once != open_gates(Draw(4, 2), opening, torch.arange(50), 70, 9)).any()


def pairs(reads, lines, columns, dtype=torch.float64):
    """Return two inputs and two matrices with a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(reads, lines), (reads, lines), (lines, columns), (lines, columns)]
    x, y, a, b = (torch.randn(s, generator=generator, dtype=dtype) for s in shapes)
    return [x, y], [a, b]


def test_sums_are_those_of_a_loop_whatever_the_blocks(monkeypatch):
    inputs, matrices = pairs(11, 140, 6)
    opening, draw = Opening.of(0.4), Draw(9, 1)
    gates = open_gates(draw, opening, torch.arange(11), 140, 6)
    for per_block in (GATES_AT_ONCE, 140 * 6 * 4):
        monkeypatch.setattr("nsm.chips.torch_reads.gated_sums.GATES_AT_ONCE", per_block)
        for found, x, matrix in zip(
            gated_sums(inputs, matrices, opening, draw), inputs, matrices, strict=True
        ):
            wanted = [
                [sum(float(x[r, j] * matrix[j, i]) for j in range(140) if gates[r, i, j])
                 for i in range(6)]
                for r in range(11)
            ]  # fmt: skip
            np.testing.assert_allclose(found, wanted, atol=1e-12)


@on_gpu
@pytest.mark.parametrize("p", [0.5, 0.3, 0.75, 1.0])
@pytest.mark.parametrize(("reads", "lines", "columns"), [(1, 1, 1), (37, 50, 10), (200, 784, 300)])
def test_the_fused_kernel_gives_the_sums_of_plain_torch(p, reads, lines, columns):
    inputs, matrices = pairs(reads, lines, columns)
    inputs.append(torch.ones_like(inputs[0]))
    matrices.append(matrices[1])
    for n in (1, 2, 3):
        wanted = plain_sums(inputs[:n], matrices[:n], Opening.of(p), Draw((1 << 63) + 12345, 3))
        found = gated_sums(
            [x.cuda() for x in inputs[:n]],
            [m.cuda() for m in matrices[:n]],
            Opening.of(p),
            Draw((1 << 63) + 12345, 3),
        )
        for a, b in zip(found, wanted, strict=True):
            torch.testing.assert_close(a.cpu(), b, rtol=1e-12, atol=1e-11)


@on_gpu
def test_a_chip_reads_alike_on_the_gpu_and_on_the_cpu():
    torch.manual_seed(0)
    model = nsm.nsm_mlp((64, 40, 30, 10))
    hardware = Hardware(device=devices.Device(g_min=1e-8, g_max=1e-6), gate=devices.BlankOut(0.3))
    chip = nsm.map_to_crossbar(model, hardware, rng=0)
    x = nsm.load_data("digits").x_test[:50]
    here, there = (
        nsm.TorchChip(chip, device, dtype=torch.float64).sample(x, 20, rng=1)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(here, there, atol=1e-9)
