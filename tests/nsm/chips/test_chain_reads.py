"""Parts of a run that threads read side by side give the numbers of the whole."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Adc, Dac, Hardware
from crossbar.threads import threads
from devices import BlankOut, Device, LognormalNoise, TelegraphNoise
from nsm import conv_net, map_to_crossbar, nsm_mlp
from nsm.chips import chain_reads, watched_runs
from nsm.chips.chain_reads import ChainReads

HARDWARE = Hardware(device=Device(g_min=1e-8, g_max=1e-6, levels=32), gate=BlankOut(0.5))
SIZES = (784, 20, 12, 10)


@pytest.mark.parametrize("sampling", ["exact", "moments"])
@pytest.mark.parametrize("network", ["perceptron", "convolutional"])
def test_passes_do_not_depend_on_threads(network, sampling, rng, monkeypatch):
    wanted = nsm_mlp(SIZES) if network == "perceptron" else conv_net("bNSM")
    chip = map_to_crossbar(wanted, HARDWARE, rng=0)
    x = rng.random((4, 784))
    samples = 50 if network == "perceptron" else 3
    parts = []
    monkeypatch.setattr(
        watched_runs, "is_watched", lambda: False
    )  # which would read one image first
    run_each = chain_reads.run_each
    monkeypatch.setattr(chain_reads, "_WORTH_THREADS", 0)
    monkeypatch.setattr(
        chain_reads, "run_each", lambda work, n: (parts.append(n), run_each(work, n))
    )
    with threads(1):
        expected = chip.sample(x, samples, rng=1, sampling=sampling)
    assert parts == []
    for n in (2, 3):
        with threads(n):
            np.testing.assert_array_equal(
                chip.sample(x, samples, rng=1, sampling=sampling), expected
            )
    assert parts == [2, 3]


def test_hooks_see_whole_spans(rng, monkeypatch):
    chip = map_to_crossbar(nsm_mlp(SIZES), HARDWARE, rng=0)
    x = rng.random((200, 784))
    monkeypatch.setattr(chain_reads, "_WORTH_THREADS", 0)
    with threads(1):
        expected = chip.outputs(x, rng=1)
    with threads(3):
        found = chip.outputs(x, rng=1)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(
    ("options", "in_parts"),
    [
        ({}, True),
        ({"adc": Adc(6)}, False),  # counts what it clips
        ({"dac": Dac(6)}, False),
        ({"device": replace(HARDWARE.device, read_noise=TelegraphNoise(0.1, 1e-3, 1e-3))}, False),
    ],
)
def test_reads_that_leave_a_trace_are_made_in_turn(options, in_parts, rng):
    chip = map_to_crossbar(nsm_mlp(SIZES), replace(HARDWARE, **options), rng=0)
    assert ChainReads.of(chip.network, rng.random((1, 784))).in_parts(chip.network) == in_parts


@pytest.mark.parametrize(
    ("options", "sampling", "is_short"),
    [
        ({}, "exact", True),
        ({}, "moments", True),
        ({"device": replace(HARDWARE.device, read_noise=LognormalNoise(0.1))}, "exact", False),
    ],
)
def test_compiled_passes_are_known_to_be_short(options, sampling, is_short, rng):
    chip = map_to_crossbar(nsm_mlp(SIZES), replace(HARDWARE, **options), rng=0)
    chain = ChainReads.of(chip.network, rng.random((1, 784)), sampling)
    assert chain.is_short(100) == is_short
    assert not chain.is_short(10**9)  # no machine reads these in two seconds
