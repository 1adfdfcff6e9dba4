"""Networks with normalization, signs and pooling: an ideal chip against software."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware
from devices import BlankOut, Device
from nsm.chips.firing import firing
from nsm.nn import activations, rules, weight_norm
from nsm.nn import architectures as networks
from nsm.nn.folding import folded

IDEAL = Hardware(
    device=Device(g_min=1e-9, g_max=1e-6), gate=BlankOut(0.5), deterministic_path="ideal"
)
QUIET = Hardware(device=Device(g_min=1e-9, g_max=1e-6))


def exercised(model, x):
    """Give every batch normalization random parameters and statistics of the data."""
    torch.manual_seed(1)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)) and layer.affine:
                layer.weight.uniform_(-2, 2)
                layer.bias.uniform_(-1, 1)
        model.train()
        for _ in range(3):
            model(x)
    return model.eval()


def assert_same(model, x):
    chip = nsm.map_to_crossbar(model, QUIET, rng=0)
    with torch.no_grad():
        expected = model(x).numpy()
    np.testing.assert_allclose(chip.sample(x.numpy(), 1, rng=0)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param(
            lambda: [nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)],
            id="after a Linear",
        ),
        pytest.param(
            lambda: [nn.Linear(8, 6, bias=False), nn.BatchNorm1d(6), nn.Linear(6, 3)],
            id="without bias",
        ),
        pytest.param(
            lambda: [
                nn.Linear(8, 6),
                nn.ReLU(),
                nn.BatchNorm1d(6),
                nn.Dropout(0.5),
                nn.Linear(6, 3, bias=False),
            ],
            id="before a Linear",
        ),
        pytest.param(lambda: [nn.BatchNorm1d(8), nn.Linear(8, 3)], id="first"),
        pytest.param(
            lambda: [nn.Linear(8, 6), nn.ReLU(), nn.BatchNorm1d(6, affine=False), nn.Linear(6, 3)],
            id="bare",
        ),
        pytest.param(
            lambda: [weight_norm.RowNormLinear(8, 6), activations.Sign(), nn.Linear(6, 3)],
            id="weight normalization",
        ),
        pytest.param(
            lambda: [rules.NoiselessLinear(8, 6), rules.NoiselessLinear(6, 5), nn.Linear(5, 3)],
            id="BN",
        ),
    ],
)
def test_fully_connected_networks_are_the_same_on_an_ideal_chip(layers):
    torch.manual_seed(0)
    x = torch.rand(20, 8) * 2 - 1
    assert_same(exercised(nn.Sequential(*layers()), x), x)


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param(
            lambda: [
                nn.BatchNorm2d(2),
                nn.Conv2d(2, 4, 3, padding=1),
                nn.BatchNorm2d(4),
                activations.Sign(),
                nn.AvgPool2d(2),
            ],
            id="color image",
        ),
        pytest.param(
            lambda: [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)],
            id="mean of real values",
        ),
        pytest.param(
            lambda: [
                weight_norm.RowNormConv2d(2, 4, 3, padding=1),
                nn.MaxPool2d(2),
                activations.Sign(),
            ],
            id="sign of a maximum",
        ),
        pytest.param(lambda: [rules.NoiselessConv2d(2, 4, 3, padding=1), nn.MaxPool2d(2)], id="BN"),
    ],
)
def test_convolutional_networks_are_the_same_on_an_ideal_chip(layers):
    torch.manual_seed(0)
    x = torch.rand(10, 2, 6, 6)
    model = nn.Sequential(*layers(), nn.Flatten(), nn.BatchNorm1d(36), nn.Linear(36, 3))
    assert_same(exercised(model, x), x)


def test_a_channel_of_several_inputs_is_normalized_as_one():
    torch.manual_seed(0)
    x = torch.rand(10, 2, 4, 4)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 2), nn.ReLU(), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(27, 3)
    )
    assert_same(exercised(model, x), x)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)],
            r"cannot map layer 2 \(BatchNorm1d\): layer 3 \(ReLU\) comes next",
        ),
        (
            [nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4)],
            r"layer 2 \(BatchNorm1d\): nothing comes after it",
        ),
        (
            [nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False)],
            "it keeps no running statistics",
        ),
    ],
)
def test_what_cannot_be_folded_is_refused_and_stays_digital_on_a_chip(layers, message):
    torch.manual_seed(0)
    x = torch.rand(10, 4)
    model = exercised(nn.Sequential(*layers), x).double()
    with pytest.raises(ValueError, match=message):
        folded(model)
    chip = nsm.map_to_crossbar(model, QUIET, rng=0)
    norm = next(i for i, m in enumerate(model) if isinstance(m, nn.BatchNorm1d))
    report = chip.report().set_index("layer")
    assert report["where"][f"layer {norm} (BatchNorm1d)"] == "digital"
    expected = model(x.double()).detach()
    # One pass: without running statistics the outputs depend on the other images of the batch.
    np.testing.assert_allclose(chip(x.double()), expected, rtol=0, atol=1e-12)


def test_noise_of_software_is_refused():
    model = nn.Sequential(nn.Linear(4, 4), activations.NoisyReLU(), nn.Linear(4, 2))
    with pytest.raises(ValueError, match=r"layer 1 \(NoisyReLU\): its noise is added by software"):
        nsm.map_to_crossbar(model, QUIET, rng=0)


def test_every_architecture_of_the_paper_maps():
    torch.manual_seed(0)
    small = Hardware(
        device=Device(g_min=1e-9, g_max=1e-6),
        gate=BlankOut(0.5),
        deterministic_path="ideal",
        tile_shape=(4096, 512),
    )
    for build, pixels, classes in (
        (lambda: networks.conv_net("bNSM", per_location=True), 784, 10),
        (lambda: networks.conv_net("bNSM", hidden=150, classes=26), 784, 26),
        (lambda: networks.conv_net("gNSM", (10, 34, 34), hidden=150), 11560, 10),
        (networks.all_conv_net, 3072, 10),
        (lambda: networks.all_conv_net("BD", 100), 3072, 100),
        (networks.gesture_net, 6 * 64 * 64, 11),
        (lambda: networks.gesture_net("dCNN"), 6 * 64 * 64, 11),
    ):
        model = build().eval()
        chip = nsm.map_to_crossbar(model, small, rng=0)
        assert (
            chip.sample(
                np.random.default_rng(0).random((1, pixels)), 1, rng=0, sampling="moments"
            ).shape[2]
            == classes
        )


@pytest.mark.parametrize("padding", [0, 1])
def test_beta_of_every_location_is_kept(padding):
    torch.manual_seed(0)
    size = 2 + 2 * padding
    conv = nsm.NSMConv2d(1, 3, 3, padding=padding, locations=(size, size))
    with torch.no_grad():
        conv.beta.uniform_(0.1, 3)
    model = nn.Sequential(conv, nn.Flatten(), nn.Linear(3 * size**2, 2))
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0)
    x = np.where(np.random.default_rng(2).random((5, 1, 4, 4)) < 0.5, -1.0, 1.0)
    measured, expected = firing(chip, x, 4000, rng=0)
    with torch.no_grad():
        p = (
            0.5
            * (1 + torch.erf(conv.argument(torch.as_tensor(x, dtype=torch.float32))))
            .flatten(1)
            .numpy()
        )
    np.testing.assert_allclose(
        expected, p, atol=2e-3
    )  # the pedestal of cells at rest adds a little noise
    moments, _ = firing(chip, x, 4000, rng=0, sampling="moments")
    assert (np.abs(moments - expected) < 5 * np.sqrt(0.25 / 4000)).all()
    assert np.abs(measured - expected).max() < 0.2  # nine inputs are far from normal


def test_a_network_with_beta_by_location_reads_one_size_of_image():
    model = nn.Sequential(nsm.NSMConv2d(1, 2, 3, locations=(2, 2)))
    chip = nsm.map_to_crossbar(model, IDEAL, rng=0)
    with pytest.raises(ValueError, match="4 locations but is read at 9"):
        chip.sample(np.ones((1, 1, 5, 5)), 1, rng=0)


@pytest.mark.parametrize("network", ["nsm", "relu", "stnn", "bd"])
def test_rows_with_separate_scales_change_nothing_on_an_ideal_chip(network):
    torch.manual_seed(0)
    widths = (30, 20, 5)
    build = {"nsm": nsm.nsm_mlp, "relu": nsm.relu_mlp, "stnn": nsm.stnn_mlp, "bd": networks.bd_mlp}[
        network
    ]
    model = build(widths)
    with torch.no_grad():
        for layer in model:
            if hasattr(layer, "weight"):
                layer.weight *= torch.logspace(-1, 0, len(layer.weight))[:, None]
    x = np.random.default_rng(0).random((50, 30))
    means = []
    for scale in ("layer", "row"):
        wide = Hardware(
            device=Device(g_min=1e-12, g_max=1e-6),
            gate=BlankOut(0.5),
            deterministic_path="ideal",
            weight_scale=scale,
        )
        means.append(nsm.map_to_crossbar(model, wide, rng=0).sample(x, 200, rng=1).mean(axis=0))
    np.testing.assert_allclose(*means, atol=1e-9 if network in ("relu", "bd") else 0.2)


def test_rows_with_separate_scales_use_all_levels():
    model = nn.Sequential(nn.Linear(4, 3))
    with torch.no_grad():
        model[0].weight.copy_(
            torch.tensor([[1.0, 0.5, 0, -1], [0.01, 0.005, 0, -0.01], [0, 0, 0, 0]])
        )
        model[0].bias.zero_()
    device = Device(g_min=1e-9, g_max=1e-6, levels=3)
    by_layer, by_row = (
        nsm.map_to_crossbar(model, Hardware(device=device, weight_scale=s), rng=0)
        .sample(np.eye(4), 1, rng=0)[0]
        .T
        for s in ("layer", "row")
    )
    np.testing.assert_allclose(by_layer[1], 0, atol=1e-12)  # below the first level
    np.testing.assert_allclose(by_row, model[0].weight.detach().numpy(), atol=1e-9)


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="unknown weight_scale 'rows'; did you mean 'row'"):
        Hardware(device=Device(g_min=1e-9, g_max=1e-6), weight_scale="rows")
