"""What networks say about their own errors: closed forms, decompositions, and what chance alone would do."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import STANDARD_ERRORS, assert_mean, assert_variance
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.collections import PathCollection
from torch import nn

import nsm
from nsm.infer import sample, softmax
from nsm.uncertainty import (
    brier_score,
    calibration,
    entropy,
    expected_calibration_error,
    expected_entropy,
    mc_dropout,
    mutual_information,
    negative_log_likelihood,
    over_rotation,
    predictive_entropy,
    reliability_table,
    rotated,
)
from nsm.uncertainty_plots import QUANTITIES, plot_over_rotation, plot_reliability

logits = arrays(
    float, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6), elements=st.floats(-50, 50, allow_nan=False)
)


def certain(classes, n):
    """Probabilities (len(classes), n) of a network that is always certain."""
    return np.eye(n)[np.asarray(classes)]


def calibrated(rng, n, classes=4):
    """Probabilities (n, classes) and labels drawn from them: a network that knows exactly how often it is wrong."""
    p = rng.dirichlet(np.full(classes, 0.5), n)
    y = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=classes - 1)
    return p, y


# Entropies


@pytest.mark.parametrize("n", [1, 2, 10])
def test_entropy_is_ln_n_for_equal_classes_and_0_for_a_certain_one(n):
    np.testing.assert_allclose(entropy(np.full((3, n), 1 / n)), np.log(n), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(entropy(certain([0, n - 1], n)), 0)


def test_entropy_of_two_classes_is_that_of_a_coin():
    p = np.array([0.1, 0.3])
    h = -p * np.log(p) - (1 - p) * np.log(1 - p)
    np.testing.assert_allclose(entropy(np.stack([p, 1 - p], axis=-1)), h, rtol=1e-12)
    assert entropy(np.full((2, 5, 4), 0.25)).shape == (2, 5)
    assert entropy([0.5, 0.5]).shape == ()


def test_certain_samples_that_contradict_each_other_are_all_mutual_information():
    samples = certain([[0, 0], [1, 0], [2, 0], [3, 0]], 4)  # image 0: four classes in four passes; image 1: one
    np.testing.assert_allclose(predictive_entropy(samples), [np.log(4), 0], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(expected_entropy(samples), [0, 0])
    np.testing.assert_allclose(mutual_information(samples), [np.log(4), 0], rtol=1e-12, atol=1e-15)


def test_identical_samples_hold_no_mutual_information(rng):
    one = softmax(rng.normal(0, 3, (1, 20, 10)))
    np.testing.assert_allclose(mutual_information(np.repeat(one, 7, axis=0)), 0, atol=1e-14)
    np.testing.assert_allclose(expected_entropy(np.repeat(one, 7, axis=0)), entropy(one[0]), rtol=1e-12)


@given(logits)
def test_total_uncertainty_is_that_of_the_data_and_that_of_the_network(values):
    samples = softmax(values)
    total, data, network = predictive_entropy(samples), expected_entropy(samples), mutual_information(samples)
    np.testing.assert_allclose(total, data + network, rtol=1e-12, atol=1e-12)
    assert (network >= 0).all()
    assert (data >= 0).all()
    assert (total <= np.log(values.shape[-1]) + 1e-12).all()
    assert (network <= np.log(len(samples)) + 1e-12).all()  # the number of a pass cannot be told better than that


def test_few_samples_make_mutual_information_too_low_to_first_order(rng):
    classes, passes, images = 4, 50, 20_000  # certain passes, every class as likely: I = ln 4
    samples = certain(rng.integers(classes, size=(passes, images)), classes)
    bias = mutual_information(samples) - np.log(classes)
    # The second order, O(1/S²), is 1 % of this bias; the mean over 20,000 images has a standard error of 0.6 %.
    assert bias.mean() == pytest.approx(-(classes - 1) / (2 * passes), rel=0.04)


# Calibration and scores


def test_the_calibration_error_of_a_calibrated_network_is_its_counting_error(rng):
    n, bins = 20_000, 15
    p, y = calibrated(rng, n)
    confidence = p.max(axis=1)
    index = np.ceil(confidence * bins).astype(int) - 1
    # The gap of a bin times n is a sum of independent errors: normal with variance s² = Σ c (1 − c). Its size has the
    # mean √(2/π) s and the variance (1 − 2/π) s².
    s = np.sqrt(np.bincount(index, confidence * (1 - confidence), bins))
    mean, spread = np.sqrt(2 / np.pi) * s.sum() / n, np.sqrt((1 - 2 / np.pi) * (s**2).sum()) / n
    assert abs(expected_calibration_error(p, y, bins=bins) - mean) < STANDARD_ERRORS * spread
    found = calibration(p, y, bins=bins, resamples=200, rng=0)
    assert abs(found.if_calibrated - mean) < STANDARD_ERRORS * spread / np.sqrt(200)
    assert found.p_value > 0.01
    table = reliability_table(p, y, bins=bins)
    c = table["confidence"]
    assert (table["gap"].abs() < STANDARD_ERRORS * np.sqrt(c * (1 - c) / table["images"])).all()


def test_a_network_that_is_always_certain_errs_by_its_error_rate():
    n, wrong = 400, 60
    y = np.zeros(n, dtype=int)
    p = certain((np.arange(n) < wrong).astype(int), 2)
    assert expected_calibration_error(p, y) == pytest.approx(wrong / n, rel=1e-12)
    found = calibration(p, y, resamples=2000, rng=0)
    assert found.ece == pytest.approx(wrong / n, rel=1e-12)
    # One bin: the bootstrap of a fraction, √(q (1 − q)/n), known to 1/√(2 · 2000) = 1.6 %.
    assert found.standard_error == pytest.approx(np.sqrt(0.15 * 0.85 / n), rel=STANDARD_ERRORS * 0.016)
    assert found.if_calibrated == 0
    assert found.p_value == 1 / 2001


def test_too_little_confidence_is_an_error_too():
    p = np.array([[0.6, 0.4]] * 10)
    assert expected_calibration_error(p, np.zeros(10, dtype=int)) == pytest.approx(0.4, rel=1e-12)
    assert reliability_table(p, np.zeros(10, dtype=int))["gap"].tolist() == pytest.approx([0.4], rel=1e-12)


def test_the_table_by_hand():
    p = np.array([[0.55, 0.45], [0.4, 0.6], [0.1, 0.9], [0.0, 1.0], [0.5, 0.5]])
    table = reliability_table(p, [0, 0, 1, 1, 0], bins=10)
    # 0.5, a tie, goes to the first class; a confidence on an edge to the bin below it.
    expected = pd.DataFrame(
        {
            "low": [0.4, 0.5, 0.8, 0.9],
            "high": [0.5, 0.6, 0.9, 1.0],
            "images": [1, 2, 1, 1],
            "confidence": [0.5, 0.575, 0.9, 1.0],
            "accuracy": [1.0, 0.5, 1.0, 1.0],
            "gap": [0.5, -0.075, 0.1, 0.0],
        }
    )
    pd.testing.assert_frame_equal(table, expected, rtol=1e-12)
    ece = (table["images"] * table["gap"].abs()).sum() / 5
    assert expected_calibration_error(p, [0, 0, 1, 1, 0], bins=10) == pytest.approx(ece, rel=1e-12)


@given(logits, st.integers(1, 20), st.integers(0, 2**31))
def test_scores_stay_in_their_ranges(values, bins, seed):
    p = softmax(values)[0]
    y = np.random.default_rng(seed).integers(p.shape[1], size=len(p))
    assert 0 <= expected_calibration_error(p, y, bins=bins) <= 1
    assert 0 <= brier_score(p, y) <= 2
    assert negative_log_likelihood(p, y) >= 0
    table = reliability_table(p, y, bins=bins)
    assert table["images"].sum() == len(p)
    assert ((table["confidence"] > table["low"] - 1e-12) & (table["confidence"] < table["high"] + 1e-12)).all()


def test_scores_in_closed_form():
    y = np.array([0, 1, 2, 3])
    equal = np.full((4, 4), 0.25)
    assert negative_log_likelihood(equal, y) == pytest.approx(np.log(4), rel=1e-12)
    assert brier_score(equal, y) == pytest.approx(0.75, rel=1e-12)
    assert (negative_log_likelihood(certain(y, 4), y), brier_score(certain(y, 4), y)) == (0, 0)
    wrong = certain((y + 1) % 4, 4)
    assert (negative_log_likelihood(wrong, y), brier_score(wrong, y)) == (np.inf, 2)


def test_the_mean_score_of_a_calibrated_network_is_its_entropy(rng):
    p, y = calibrated(rng, 20_000)
    assert_mean(-np.log(p[np.arange(len(y)), y]) - entropy(p), 0)
    assert negative_log_likelihood(p, y) == pytest.approx(-np.log(p[np.arange(len(y)), y]).mean(), rel=1e-12)


def test_same_seed_same_resamples(rng):
    p, y = calibrated(rng, 300)
    assert calibration(p, y, resamples=20, rng=1) == calibration(p, y, resamples=20, rng=1)
    assert calibration(p, y, resamples=20, rng=1) != calibration(p, y, resamples=20, rng=2)


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="p holds numbers from -1 to 2 whose sums over classes are off 1 by up to 0"):
        entropy([[-1.0, 2.0]])
    with pytest.raises(ValueError, match=r"off 1 by up to 1; give probabilities \(nsm.infer.softmax makes them"):
        entropy([[1.0, 1.0]])
    with pytest.raises(ValueError, match=r"p has shape \(\); give \(..., classes\), at least one number"):
        entropy(1.0)
    with pytest.raises(ValueError, match=r"p has shape \(0, 3\); give \(..., classes\), at least one number"):
        expected_calibration_error(np.empty((0, 3)), np.empty(0, dtype=int))
    with pytest.raises(ValueError, match="p holds 1 values that are NaN or infinite"):
        entropy([[np.nan, 1.0]])
    for f in (predictive_entropy, expected_entropy, mutual_information):
        with pytest.raises(ValueError, match=r"samples has shape \(1, 2\); give 3 dimensions"):
            f([[0.5, 0.5]])
    entropy(np.full((2, 3), 1 / 3, dtype=np.float32))  # float32 is precise enough


@pytest.mark.parametrize(
    "f", [expected_calibration_error, reliability_table, calibration, negative_log_likelihood, brier_score]
)
def test_labels_must_be_classes_of_the_network(f):
    p = np.full((2, 3), 1 / 3)
    with pytest.raises(ValueError, match=r"labels run from 0 to 3; p has 3 classes, counted from 0"):
        f(p, [0, 3])
    with pytest.raises(ValueError, match=r"labels run from -1 to 0"):
        f(p, [0, -1])
    with pytest.raises(ValueError, match=r"labels have shape \(1,\); 2 images need \(2,\)"):
        f(p, [0])
    with pytest.raises(ValueError, match=r"p has shape \(3,\); give 2 dimensions"):
        f(p[0], [0])


def test_bins_and_resamples_are_counts():
    p = np.full((2, 2), 0.5)
    with pytest.raises(ValueError, match="bins = 0 is not allowed; give a whole number of at least 1"):
        reliability_table(p, [0, 1], bins=0)
    with pytest.raises(ValueError, match="resamples = 1 is not allowed; give a whole number of at least 2"):
        calibration(p, [0, 1], resamples=1)


# Rotated images


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
    # The middle of the left edge shows a point on the diagonal, 2 from the centre: 2 − √2 from the corner pixel in x and y.
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
    with pytest.raises(ValueError, match="x has 10 pixels an image, which is no square; give flat images of side"):
        rotated(np.zeros((2, 10)), 10)
    with pytest.raises(ValueError, match="x has 0 pixels an image"):
        rotated(np.zeros((2, 0)), 10)
    with pytest.raises(ValueError, match=r"x has shape \(2, 4, 4\); give 2 dimensions"):
        rotated(np.zeros((2, 4, 4)), 10)
    with pytest.raises(ValueError, match=r"x holds pixels from -1 to 0; scale them to \[0, 1\] first"):
        rotated([[-1.0, 0.0, 0.0, 0.0]], 10)
    with pytest.raises(ValueError, match=r"degrees = inf is not allowed; give a finite number in .* degrees"):
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
    assert (mc_dropout(network, images, 3, rng=stream) != mc_dropout(network, images, 3, rng=stream)).any()
    assert (first[0] != first[1]).any()


def test_the_draws_are_those_of_inverted_dropout(images):
    # Logits Σ_j m_j x_j/(1 − p) of masks m: mean Σ x_j, variance p/(1 − p) Σ x_j², independent from image to image.
    p, model = 0.3, nn.Sequential(nn.Dropout(0.3), nn.Linear(8, 1, bias=False))
    with torch.no_grad():
        model[1].weight.fill_(1.0)
    z = mc_dropout(model, np.stack([images[0], images[0], images[1]]), 20_000, rng=0)[:, :, 0]
    for i, x in enumerate((images[0], images[0], images[1])):
        assert_mean(z[:, i], x.sum())
        assert_variance(z[:, i], p / (1 - p) * (x**2).sum(), mean=x.sum())
    centred = z - z.mean(axis=0)
    assert_mean(centred[:, 0] * centred[:, 1], 0)
    assert_mean(centred[1:] * centred[:-1], 0)


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
    model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nsm.Binarize(0.0, flip=0.4), nn.Dropout(0.5)).train()
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
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        mc_dropout(network, images[:, :3], 1, rng=0)
    assert [m.training for m in network.modules()] == modes


def test_a_network_without_dropout_is_refused(network, images):
    message = "the model has no dropout layer with p > 0.* give one, such as nsm.relu_mlp\\(dropout=0.5\\)"
    for model in (nsm.relu_mlp((8, 5, 3)), nn.Sequential(nn.Linear(8, 3), nn.Dropout(0.0))):
        with pytest.raises(ValueError, match=message):
            mc_dropout(model, images, 2)
    with pytest.raises(ValueError, match="samples = 0 is not allowed; give a whole number of at least 1"):
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
    return pd.DataFrame({"images": [50, 10], "confidence": [0.5, 0.9], "accuracy": [0.6, 0.8], **columns})


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
    np.testing.assert_allclose(np.diff(ends)[:, 0] / 2, 100 * np.sqrt([0.25 / 50, 0.09 / 10]), rtol=1e-12)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["NSM", "ReLU"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("confidence [%]", "accuracy [%]")
    assert plot_reliability(table()).get_legend() is None


def rows(**columns):
    start = {"degrees": [90.0, 0.0], "images": [100, 100], "errors": [64, 10], "entropy": [1.5, 0.5]}
    return pd.DataFrame(
        {**start, "entropy_se": [0.2, 0.1], "mutual_information": [0.3, 0.1], "ece": [0.4, 0.1], **columns}
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
    ax = plot_over_rotation(pd.concat([rows(network="NSM"), rows(network="ReLU")]), quantity=quantity, group="network")
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0, 90])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), values, rtol=1e-12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("angle of rotation [°]", QUANTITIES[quantity])
    assert len(ax.collections) == (0 if band is None else 2)
    if band is not None:
        corners = ax.collections[0].get_paths()[0].vertices
        at_0 = corners[corners[:, 0] == 0, 1]
        assert (at_0.min(), at_0.max()) == pytest.approx((values[0] - band, values[0] + band), rel=1e-9)


def test_categories_keep_their_colours_where_some_are_left_out():
    both = pd.concat([rows(network="NSM"), rows(network="ReLU")]).astype({"network": "category"})
    all_lines = plot_over_rotation(both, group="network").lines
    (alone,) = plot_over_rotation(both[both["network"] == "ReLU"], group="network").lines
    assert (alone.get_color(), alone.get_label()) == (all_lines[1].get_color(), "ReLU")
    assert alone.get_color() != all_lines[0].get_color()


def test_pictures_are_drawn_into_the_axes_that_are_given():
    for draw, data in ((plot_reliability, table()), (plot_over_rotation, rows())):
        ax = nsm.plot.figure()[1]
        assert draw(data, ax=ax) is ax


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="there are no rows to plot; give those of nsm.uncertainty.reliability_table"):
        plot_reliability(table().iloc[:0])
    with pytest.raises(ValueError, match="there are no rows to plot; give those of nsm.uncertainty.over_rotation"):
        plot_over_rotation(rows().iloc[:0])
    with pytest.raises(ValueError, match="unknown column 'net'; did you mean 'network'"):
        plot_reliability(table(network="NSM"), group="net")
    with pytest.raises(ValueError, match="unknown quantity 'entropie'; did you mean 'entropy'"):
        plot_over_rotation(rows(), quantity="entropie")
