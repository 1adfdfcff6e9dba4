"""Windows of states cut as packed bits are the windows of `Patches.of`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Hardware, NeuronArray
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from crossbar.threads import threads
from devices import BlankOut, Device, GaussianNoise
from nsm.chips.windows import windows_of
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
