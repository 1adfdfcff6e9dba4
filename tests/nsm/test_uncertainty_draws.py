"""Rotated images, Monte-Carlo dropout, curves over the angle, and the pictures of them."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from torch import nn

import crossbar
import devices
import nsm
from nsm.nn.inference import sample, softmax
from nsm.plots.uncertainty import QUANTITIES, plot_over_rotation, plot_reliability
from nsm.uncertainty import (
    expected_calibration_error,
    mc_dropout,
    mutual_information,
    over_rotation,
    predictive_entropy,
    rotated,
    shifted,
)
from tests.helpers.statistics import assert_mean, assert_variance

# Rotated and shifted images


@given(st.integers(1, 3), st.integers(1, 6), st.data())
def test_shifted_images_have_their_pixels_elsewhere(n, side, data):
    right, down = (data.draw(st.integers(1 - side, side - 1)) for _ in range(2))
    x = 1 + np.arange(n * side**2, dtype=float).reshape(n, side**2)
    moved = shifted(x, right, down).reshape(n, side, side)
    for i, row, column in np.ndindex(n, side, side):
        at = row - down, column - right
        inside = all(0 <= place < side for place in at)
        expected = x.reshape(n, side, side)[i, *at] if inside else 0.0
        assert moved[i, row, column] == expected


@pytest.mark.parametrize("axis", ["right", "down"])
def test_images_that_cannot_be_shifted_are_refused(axis):
    shift = {"right": 0, "down": 0}
    with pytest.raises(ValueError, match=f"{axis} = 3 .* at most 2, .* 3 × 3 pixels"):
        shifted(np.zeros((2, 9)), **(shift | {axis: 3}))
    with pytest.raises(ValueError, match=f"{axis} = -3 .* at least -2"):
        shifted(np.zeros((2, 9)), **(shift | {axis: -3}))
    with pytest.raises(ValueError, match=f"{axis} = 0.5 .* whole number"):
        shifted(np.zeros((2, 9)), **(shift | {axis: 0.5}))
    with pytest.raises(ValueError, match="x has 10 pixels an image, which is no square"):
        shifted(np.zeros((2, 10)), **shift)


def test_quarter_turns_move_pixels_anticlockwise(rng):
    x = rng.random((3, 16))
    for quarters in range(-1, 5):
        turned = np.rot90(x.reshape(3, 4, 4), quarters, axes=(1, 2)).reshape(3, 16)
        np.testing.assert_allclose(rotated(x, 90 * quarters), turned, atol=1e-12)


def test_half_a_quarter_turn_interpolates_linearly():
    image = np.zeros((5, 5))
    image[0, 0] = image[2, 2] = 1.0
    turned = rotated(image.reshape(1, 25), 45).reshape(5, 5)
    assert turned[2, 2] == pytest.approx(1.0, rel=1e-12)
    # The middle of the left edge shows a point on the diagonal, 2 from the center: 2 − √2 from the
    # corner pixel in x and y.
    assert turned[2, 0] == pytest.approx((1 - (2 - np.sqrt(2))) ** 2, rel=1e-12)
    assert turned[2, 4] == turned[0, 2] == turned[0, 0] == 0


@given(st.integers(1, 3), st.integers(1, 6), st.floats(-720, 720), st.integers(0, 2**31))
def test_rotated_images_are_images(n, side, degrees, seed):
    x = np.random.default_rng(seed).random((n, side**2))
    before = x.copy()
    turned = rotated(x, degrees)
    assert turned.shape == x.shape
    assert turned.min() >= 0
    assert turned.max() <= 1
    np.testing.assert_array_equal(x, before)


def test_images_that_cannot_be_rotated_are_refused():
    with pytest.raises(ValueError, match="x has 10 pixels an image, which is no square"):
        rotated(np.zeros((2, 10)), 10)
    with pytest.raises(ValueError, match="x has 0 pixels an image"):
        rotated(np.zeros((2, 0)), 10)
    with pytest.raises(ValueError, match=r"x has shape \(2, 4, 4\); give 2 dimensions"):
        rotated(np.zeros((2, 4, 4)), 10)
    with pytest.raises(ValueError, match=r"x holds pixels from -1 to 0"):
        rotated([[-1.0, 0.0, 0.0, 0.0]], 10)
    with pytest.raises(ValueError, match=r"degrees = inf is not allowed.* degrees"):
        rotated(np.zeros((1, 4)), np.inf)


# Monte-Carlo dropout


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nsm.relu_mlp((8, 20, 20, 3), dropout=0.4).eval()


@pytest.fixture
def images(rng):
    return rng.random((6, 8))


def test_logits_have_the_shape_and_kind_of_those_of_other_networks(network, images):
    found, other = mc_dropout(network, images, 5, rng=0), sample(network, images, 5, rng=0)
    assert (found.shape, found.dtype) == (other.shape, other.dtype) == ((5, 6, 3), np.float64)


def test_same_seed_same_draws_and_another_seed_others(network, images):
    first = mc_dropout(network, images, 3, rng=1)
    np.testing.assert_array_equal(mc_dropout(network, images, 3, rng=1), first)
    assert (mc_dropout(network, images, 3, rng=2) != first).any()
    stream = np.random.default_rng(1)
    assert (
        mc_dropout(network, images, 3, rng=stream) != mc_dropout(network, images, 3, rng=stream)
    ).any()
    assert (first[0] != first[1]).any()


def test_the_draws_are_those_of_inverted_dropout(images):
    # Logits Σ_j m_j x_j/(1 − p) of masks m: mean Σ x_j, variance p/(1 − p) Σ x_j², independent from
    # image to image.
    p, model = 0.3, nn.Sequential(nn.Dropout(0.3), nn.Linear(8, 1, bias=False))
    with torch.no_grad():
        model[1].weight.fill_(1.0)
    z = mc_dropout(model, np.stack([images[0], images[0], images[1]]), 20_000, rng=0)[:, :, 0]
    for i, x in enumerate((images[0], images[0], images[1])):
        assert_mean(z[:, i], x.sum())
        assert_variance(z[:, i], p / (1 - p) * (x**2).sum(), mean=x.sum())
    centered = z - z.mean(axis=0)
    assert_mean(centered[:, 0] * centered[:, 1], 0)
    assert_mean(centered[1:] * centered[:-1], 0)


def test_more_images_than_a_block_keep_their_order():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[1].weight.fill_(1.0)
    x = np.arange(1.0, 2501.0)[:, None]
    z = mc_dropout(model, x, 2, rng=0)
    assert ((z == 0) | (z == 2 * x)).all()


def test_the_streams_of_torch_are_left_alone(network, images):
    before = torch.get_rng_state()
    mc_dropout(network, images, 2, rng=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_other_layer_is_in_eval(images):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(8, 4), nn.BatchNorm1d(4), nsm.Binarize(0.0, flip=0.4), nn.Dropout(0.5)
    ).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    found = mc_dropout(model, images, 200, rng=0)
    assert set(np.unique(found)) == {-2.0, 0.0, 2.0}
    signs = np.sign(found)
    assert (signs.max(axis=0) - signs.min(axis=0) <= 1).all()  # no input of `Binarize` was flipped
    after = model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)  # and no running mean moved


def test_layers_that_draw_for_themselves_follow_the_seed(images):
    torch.manual_seed(0)
    model = nn.Sequential(nsm.NSMLinear(8, 30), nn.Dropout(0.2), nn.Linear(30, 3))
    first = mc_dropout(model, images, 3, rng=1)
    np.testing.assert_array_equal(mc_dropout(model, images, 3, rng=1), first)


@pytest.mark.parametrize("training", [True, False])
def test_every_layer_keeps_its_mode(network, images, training):
    network.train(training)
    network[0].train(not training)
    modes = [m.training for m in network.modules()]
    mc_dropout(network, images, 1, rng=0)
    assert [m.training for m in network.modules()] == modes
    with pytest.raises(ValueError, match=r"cannot take images of shape \(3,\): mat1 and mat2"):
        mc_dropout(network, images[:, :3], 1, rng=0)
    assert [m.training for m in network.modules()] == modes


def test_a_network_without_dropout_is_refused(network, images):
    message = "the model has no dropout layer with p > 0"
    for model in (nsm.relu_mlp((8, 5, 3)), nn.Sequential(nn.Linear(8, 3), nn.Dropout(0.0))):
        with pytest.raises(ValueError, match=message):
            mc_dropout(model, images, 2)
    with pytest.raises(ValueError, match="samples = 0 is not allowed"):
        mc_dropout(network, images, 0)
    with pytest.raises(ValueError, match="rng = -1 is not allowed"):
        mc_dropout(network, images, 1, rng=-1)


# Over the angle, and the pictures


def brightest(x):
    """Logits of two equal passes that are certain of the brightest of four pixels."""
    return np.stack([1e4 * x, 1e4 * x])


def test_rows_over_the_angle_count_errors_and_average_entropies():
    x, y = np.eye(4), np.arange(4)
    rows = over_rotation(brightest, x, y, [0, 90])
    assert rows["errors"].tolist() == [0, 4]
    assert rows["images"].tolist() == [4, 4]
    assert rows["degrees"].tolist() == [0.0, 90.0]
    np.testing.assert_allclose(rows[["entropy", "entropy_se", "mutual_information"]], 0, atol=1e-12)
    np.testing.assert_allclose(rows["ece"], [0, 1], atol=1e-12)


def test_rows_over_the_angle_are_those_of_the_single_functions(rng, images):
    logits = rng.normal(0, 2, (5, 6, 3))
    x, y = rng.random((6, 4)), rng.integers(3, size=6)
    (row,) = over_rotation(lambda _: logits, x, y, [30]).to_dict("records")
    samples = softmax(logits)
    p, h, i = samples.mean(axis=0), predictive_entropy(samples), mutual_information(samples)
    assert row["errors"] == (p.argmax(axis=1) != y).sum()
    assert row["ece"] == pytest.approx(expected_calibration_error(p, y), rel=1e-12)
    for name, values in (("entropy", h), ("mutual_information", i)):
        assert row[name] == pytest.approx(values.mean(), rel=1e-12)
        assert row[f"{name}_se"] == pytest.approx(values.std(ddof=1) / np.sqrt(6), rel=1e-12)
    (alone,) = over_rotation(lambda _: logits[:, :1], x[:1], y[:1], [30]).to_dict("records")
    assert np.isnan(alone["entropy_se"])


def table(**columns):
    return pd.DataFrame(
        {"images": [50, 10], "confidence": [0.5, 0.9], "accuracy": [0.6, 0.8], **columns}
    )


def test_the_reliability_diagram_shows_the_table():
    both = pd.concat([table(network="NSM"), table(network="ReLU")])
    ax = plot_reliability(both, group="network")
    diagonal = ax.lines[0]
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    points = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert len(points) == 2
    np.testing.assert_allclose(points[0].get_offsets(), [[50, 60], [90, 80]], rtol=1e-12)
    sizes = points[0].get_sizes()
    assert sizes[0] > sizes[1]
    # ± √(c (1 − c)/n): 7.07 % of 50 images at 0.5, 9.49 % of 10 at 0.9
    bars = [c for c in ax.collections if c not in points]
    ends = np.array([s[:, 1] for s in bars[0].get_segments()])
    np.testing.assert_allclose(
        np.diff(ends)[:, 0] / 2, 100 * np.sqrt([0.25 / 50, 0.09 / 10]), rtol=1e-12
    )
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["NSM", "ReLU"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("confidence [%]", "accuracy [%]")
    assert plot_reliability(table()).get_legend() is None


def rows(**columns):
    start = {
        "degrees": [90.0, 0.0],
        "images": [100, 100],
        "errors": [64, 10],
        "entropy": [1.5, 0.5],
    }
    return pd.DataFrame(
        {
            **start,
            "entropy_se": [0.2, 0.1],
            "mutual_information": [0.3, 0.1],
            "ece": [0.4, 0.1],
            **columns,
        }
    )


@pytest.mark.parametrize(
    ("quantity", "values", "band"),
    [
        ("entropy", [0.5, 1.5], 0.1),
        ("mutual_information", [0.1, 0.3], None),
        ("ece", [0.1, 0.4], None),
        ("error", [10, 64], 3.0),  # √(0.1 · 0.9/100) = 3 %
        ("accuracy", [90, 36], 3.0),
    ],
)
def test_curves_over_the_angle_show_the_rows(quantity, values, band):
    ax = plot_over_rotation(
        pd.concat([rows(network="NSM"), rows(network="ReLU")]), quantity=quantity, group="network"
    )
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0, 90])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), values, rtol=1e-12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("angle of rotation [°]", QUANTITIES[quantity])
    assert len(ax.collections) == (0 if band is None else 2)
    if band is not None:
        corners = ax.collections[0].get_paths()[0].vertices
        at_0 = corners[corners[:, 0] == 0, 1]
        assert (at_0.min(), at_0.max()) == pytest.approx(
            (values[0] - band, values[0] + band), rel=1e-9
        )


def test_categories_keep_their_colors_where_some_are_left_out():
    both = pd.concat([rows(network="NSM"), rows(network="ReLU")]).astype({"network": "category"})
    all_lines = plot_over_rotation(both, group="network").lines
    (alone,) = plot_over_rotation(both[both["network"] == "ReLU"], group="network").lines
    assert (alone.get_color(), alone.get_label()) == (all_lines[1].get_color(), "ReLU")
    assert alone.get_color() != all_lines[0].get_color()


def test_pictures_are_drawn_into_the_axes_that_are_given():
    for draw, data in ((plot_reliability, table()), (plot_over_rotation, rows())):
        ax = Figure().subplots()
        assert draw(data, ax=ax) is ax


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(
        ValueError,
        match="there are no rows to plot",
    ):
        plot_reliability(table().iloc[:0])
    with pytest.raises(ValueError, match="there are no rows to plot"):
        plot_over_rotation(rows().iloc[:0])
    with pytest.raises(ValueError, match="unknown column 'net'; did you mean 'network'"):
        plot_reliability(table(network="NSM"), group="net")
    with pytest.raises(ValueError, match="unknown quantity 'entropie'; did you mean 'entropy'"):
        plot_over_rotation(rows(), quantity="entropie")


def test_a_chip_in_place_of_the_network_is_refused():
    chip = nsm.map_to_crossbar(
        nsm.relu_mlp((4, 3, 2), dropout=0.5),
        crossbar.Hardware(device=devices.preset("fefet_jerry2017")),
        rng=0,
    )
    with pytest.raises(ValueError, match=r"MappedNetwork has no parameters to .* chip.sample\("):
        mc_dropout(chip, np.zeros((2, 4)), 3, rng=0)
