"""Windows of all convolutions, and their transposes, against torch."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from nsm.nn.convolutions import of_call, of_layer
from nsm.nn.geometry import Patches

ORDINARY = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
CALLS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
TRANSPOSED_CALLS = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


@st.composite
def layers(draw):
    """Return a convolution of 1 to 3 spatial axes, ordinary or transposed, and inputs for it."""
    axes = draw(st.integers(1, 3))

    def sizes(low, high):
        return tuple(draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes)))

    groups = draw(st.integers(1, 3))
    options = {"dilation": sizes(1, 3), "groups": groups, "bias": False, "dtype": torch.float64}
    channels, outputs = (groups * draw(st.integers(1, 2)) for _ in range(2))
    kernel, stride = sizes(1, 4), sizes(1, 3)
    if draw(st.booleans()):
        at_end = [
            draw(st.integers(0, max(s, d) - 1))
            for s, d in zip(stride, options["dilation"], strict=True)
        ]
        padding = {"stride": stride, "padding": sizes(0, 4), "output_padding": tuple(at_end)}
        layer = TRANSPOSED[axes](channels, outputs, kernel, **options, **padding)
    else:
        modes = ["zeros", "reflect", "replicate", "circular"]
        padding = draw(st.one_of(st.sampled_from(["same", "valid"]), st.just(sizes(0, 3))))
        layer = ORDINARY[axes](
            channels,
            outputs,
            kernel,
            stride=1 if padding == "same" else stride,
            padding=padding,
            padding_mode=draw(st.sampled_from(modes)),
            **options,
        )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    x = torch.randn(2, channels, *sizes(1, 6), dtype=torch.float64, generator=generator)
    return layer, x


def result(layer, x):
    """Return the outputs of torch's layer, or None if torch refuses the sizes of the inputs."""
    try:
        with torch.no_grad():
            return layer(x)
    except RuntimeError:
        return None


def from_windows(layer, z):
    """Return the layer's outputs for numpy inputs, from windows and the matrix of kernels."""
    patches = of_layer(layer)
    matrix = patches.kernel_matrix(layer.weight.detach()).numpy()
    outputs = []
    for group, part in enumerate(np.split(matrix, layer.groups)):
        rows, shape = patches.of(z, group)
        np.testing.assert_array_equal(rows, np.split(patches.of(z)[0], layer.groups, 1)[group])
        outputs.append(np.where(rows, 1, -1) @ part.T if rows.dtype == bool else rows @ part.T)
    return patches.arrange(np.concatenate(outputs, 1), shape)


# Torch warns that its result for some even kernels needs a copy of the inputs.
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@given(layers())
@settings(max_examples=300, deadline=None)
def test_windows_times_kernels_are_torchs_convolution(drawn):
    layer, x = drawn
    theirs = result(layer, x)
    patches = of_layer(layer)
    if theirs is None:
        with pytest.raises(ValueError, match=r"inputs of \d"):
            patches.out_shape(*x.shape[2:])
        return
    assert patches.out_shape(*x.shape[2:]) == theirs.shape[2:]
    np.testing.assert_allclose(from_windows(layer, x.numpy()), theirs, rtol=1e-12, atol=1e-12)
    options = {"stride": patches.stride, "dilation": patches.dilation, "groups": patches.groups}
    with torch.no_grad():
        kernels = patches.kernels(layer.weight)
        ours = CALLS[len(patches.kernel)](patches.pad(x), kernels, **options)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@given(layers())
@settings(max_examples=100, deadline=None)
def test_states_become_numbers_only_where_zeros_join_them(drawn):
    layer, x = drawn
    states = (x > 0).numpy()
    theirs = result(layer, torch.where(x > 0, 1.0, -1.0).double())
    assume(theirs is not None)
    np.testing.assert_allclose(from_windows(layer, states), theirs, rtol=1e-12, atol=1e-12)
    windows, _ = of_layer(layer).of(states)
    assert windows.dtype == bool or (windows.dtype == np.int8 and layer.padding_mode == "zeros")


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@given(layers())
@settings(max_examples=30, deadline=None)
def test_a_functional_call_cuts_as_its_layer(drawn):
    layer, x = drawn
    options = {"stride": layer.stride, "dilation": layer.dilation, "groups": layer.groups}
    if layer.transposed:
        options |= {"padding": layer.padding, "output_padding": layer.output_padding}
        patches = of_call(layer.weight, transposed=True, **options)
        call = TRANSPOSED_CALLS[x.ndim - 2]
    else:
        options |= {"padding": layer.padding}
        patches = of_call(layer.weight, padding_mode=layer.padding_mode, **options)
        call = CALLS[x.ndim - 2]
    assert patches == of_layer(layer)
    theirs = result(layer, x)
    assume(theirs is not None and layer.padding_mode == "zeros")
    with torch.no_grad():
        np.testing.assert_array_equal(call(x, layer.weight, **options), theirs)


def test_one_number_stands_for_all_axes():
    weight = torch.zeros(4, 2, 3, 3)
    one = of_call(weight, stride=2, padding=(1,), dilation=3, groups=2)
    assert one == Patches(4, (3, 3), (2, 2), (1, 1), dilation=(3, 3), groups=2)


def test_no_images_have_no_windows():
    rows, shape = Patches(3, (2, 2), (1, 1), (1, 1)).of(np.zeros((0, 3, 4, 5)))
    assert rows.shape == (0, 12)
    assert shape == (5, 6)


def test_one_image_without_a_batch_is_padded_alike():
    for mode in ("zeros", "reflect", "circular"):
        patches = Patches(2, (3, 3), (1, 1), (1, 2), padding_mode=mode)
        x = torch.randn(2, 5, 4)
        torch.testing.assert_close(patches.pad(x), patches.pad(x[None])[0], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 0}, r"stride = 0 is not allowed"),
        (
            {"stride": (1, 2, 3)},
            r"stride = \(1, 2, 3\) is not allowed; give one whole number, or 2",
        ),
        ({"dilation": (1, 0.5)}, r"dilation = 0.5 is not allowed"),
        ({"padding": -1}, r"padding = -1 is not allowed"),
        ({"padding": "full"}, r"padding 'full'"),
        ({"padding": "same", "stride": 2}, r'padding = "same" is not allowed with stride \(2, 2\)'),
        ({"padding": "same", "transposed": True}, r"padding = 'same' is not allowed here"),
        ({"padding_mode": "mirror"}, r"padding mode 'mirror'"),
        ({"padding_mode": "reflect", "transposed": True}, r"padding_mode = 'reflect' is not"),
        ({"output_padding": 1}, r"output_padding = 1 is not allowed for an ordinary convolution"),
        ({"output_padding": 2, "stride": 2, "transposed": True}, r"output_padding = \(2, 2\)"),
        ({"groups": 3, "transposed": True}, r"groups = 3 is not allowed; give a divisor of 4"),
    ],
)
def test_what_torch_does_not_allow_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        of_call(torch.zeros(4, 2, 3, 3), **options)


def test_other_layers_and_inputs_are_refused():
    with pytest.raises(ValueError, match=r"layer = Linear\(.*\) is not a convolution"):
        of_layer(nn.Linear(2, 3))
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\); give \(batch, 2, length\)"):
        of_layer(nn.Conv1d(2, 1, 1)).of(np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"3 × 2 are too small for reflect padding of \(2, 2\)"):
        of_layer(nn.Conv2d(1, 1, 1, padding=2, padding_mode="reflect")).out_shape(3, 2)
    with pytest.raises(ValueError, match=r"a \(1, 1\) kernel got inputs of 3"):
        of_layer(nn.Conv2d(1, 1, 1)).out_shape(3)
