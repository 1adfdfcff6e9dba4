"""Windows of states cut as packed bits are the windows of `Patches.of`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Hardware, NeuronArray
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from crossbar.threads import threads
from devices import BlankOut, Device, GaussianNoise, TelegraphNoise
from nsm.chips import windows
from nsm.chips.windows import windows_in_blocks, windows_of
from nsm.nn.geometry import Patches

SEED = np.random.SeedSequence(20240607)
sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(deadline=None)
@given(
    images=st.integers(1, 4),
    groups=st.integers(1, 3),
    channels=st.integers(1, 4),
    kernel=sizes,
    stride=sizes,
    dilation=sizes,
    padding=sizes,
    padding_end=sizes,
    padded=st.booleans(),
    dims=st.integers(1, 2),
    n=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_windows_of_states_are_those_of_patches(
    images, groups, channels, kernel, stride, dilation, padding, padding_end, padded, dims, n, seed
):
    ends = (padding, padding_end) if padded else ((0, 0), (0, 0))
    all_sizes = [s[:dims] for s in (kernel, stride, *ends, dilation)]
    kernel, stride, padding, padding_end, dilation = all_sizes
    patches = Patches(
        groups * channels,
        kernel,
        stride,
        padding,
        padding_end=padding_end,
        dilation=dilation,
        groups=groups,
    )
    z = np.random.default_rng(seed).random((images, groups * channels, *(9, 7)[:dims])) < 0.5
    for group in (None, *range(groups)):
        expected, shape = patches.of(z, group)
        with threads(n):
            inputs, ours = windows_of(patches, z, group)
        assert ours == shape
        assert inputs.is_ternary.all()
        np.testing.assert_array_equal(inputs.signs, Inputs(expected).signs)
        np.testing.assert_array_equal(inputs.packed.absolute().signs(), np.abs(inputs.signs))
        assert len(inputs.packed.absolute()) == len(inputs)


@pytest.mark.parametrize("values", ["numbers", "signs"])
@pytest.mark.parametrize(
    "options",
    [{}, {"padding_mode": "circular"}, {"spread": (2, 2)}, {"padding_end": (0, -1)}],
)
def test_other_windows_are_those_of_patches_too(options, values, rng):
    patches = Patches(2, (2, 3), (1, 1), (1, 1), **options)
    z = rng.standard_normal((3, 2, 5, 6))
    z = z > 0 if values == "signs" else z
    inputs, shape = windows_of(patches, z)
    expected, theirs = patches.of(z)
    assert shape == theirs
    np.testing.assert_array_equal(inputs.floats, Inputs(expected).floats)


@pytest.mark.parametrize("noise", [{}, {"read_noise": GaussianNoise(0.1)}])
def test_padded_windows_are_read_alike(noise, rng):
    device = Device(g_min=1e-8, g_max=1e-6, **noise)
    hardware = Hardware(device=device, gate=BlankOut(0.5))
    k = hardware.mapping.siemens_per_weight(1.0, device)
    w = rng.uniform(-1, 1, (5, 27))
    neurons = NeuronArray.program(w, hardware, siemens_per_weight=k, rng=0)
    patches = Patches(3, (3, 3), (2, 1), (1, 1))
    z = rng.random((6, 3, 8, 5)) < 0.5
    cut, shape = patches.of(z)
    ours, _ = windows_of(patches, z)
    span = Span(3, 11, repeats=2).at(shape[0] * shape[1])
    expected = neurons.read_span(Inputs(cut), span, SEED)
    np.testing.assert_array_equal(neurons.read_span(ours, span, SEED), expected)


def test_shapes_that_do_not_fit_are_refused():
    patches = Patches(2, (3, 3), (1, 1), (0, 0))
    with pytest.raises(ValueError, match=r"shape \(1, 3, 5, 5\)"):
        windows_of(patches, np.ones((1, 3, 5, 5), dtype=bool))
    with pytest.raises(ValueError, match=r"\(3, 3\) kernel does not fit"):
        windows_of(patches, np.ones((1, 2, 2, 5), dtype=bool))


@pytest.mark.parametrize("a", [None, "each location"])
@pytest.mark.parametrize(
    "device",
    [
        Device(g_min=1e-7, g_max=1e-6, read_noise=GaussianNoise(0.1)),
        Device(
            g_min=1e-7,
            g_max=1e-6,
            read_noise=TelegraphNoise(amplitude=0.2, tau_capture=3e-6, tau_emission=5e-6),
        ),
    ],
)
def test_blocks_of_windows_are_read_alike(device, a, rng, monkeypatch):
    hardware = Hardware(device=device)
    patches = Patches(2, (3, 2), (2, 1), (1, 0))
    shape = patches.out_shape(7, 5)
    factors = None if a is None else rng.uniform(-1, 1, (shape[0] * shape[1], 3))
    k = hardware.mapping.siemens_per_weight(1.0, device)
    w = rng.uniform(-1, 1, (3, 12))
    z, span = rng.standard_normal((3, 2, 7, 5)), Span(1, 6, repeats=2)

    def read():
        neurons = NeuronArray.program(w, hardware, siemens_per_weight=k, a=factors, rng=0)
        blocks, sizes = windows_in_blocks(patches, z, span)
        parts = [neurons.read_span(cut, reads, SEED) for cut, reads in blocks]
        assert sizes == shape
        return len(parts), np.concatenate(parts)

    number, expected = read()
    assert number == 1
    monkeypatch.setattr(windows, "NUMBERS_AT_ONCE", 2 * shape[1] * 12)
    number, u = read()
    assert number == 5 * 2
    np.testing.assert_allclose(u, expected, rtol=1e-12, atol=1e-12)
