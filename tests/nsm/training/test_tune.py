"""`nsm.tune`: the periphery of one chip is trained, and no cell is written."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Adc, Dac, Hardware, Wires
from devices import BlankOut, Device, PowerLawDrift, StateDependentError

HARDWARE = Hardware(
    device=Device(
        g_min=1e-7,
        g_max=1e-6,
        write=StateDependentError(coefficients=(2.5e-7,)),
        retention=PowerLawDrift(nu_mean=0.05, nu_std=0.03),
    ),
    gate=BlankOut(0.5),
)
BUILDS = {
    "nsm": lambda: nsm.nsm_mlp((64, 40, 10)),
    "native": lambda: nsm.nsm_mlp((64, 40, 10), beta="native"),
    "relu": lambda: nsm.relu_mlp((64, 40, 10)),
    "bd": lambda: nsm.bd_mlp((64, 40, 10)),
    "stnn": lambda: nsm.stnn_mlp((64, 40, 10)),
    "conv": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, groups=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(96, 10),
    ),
}


@pytest.fixture(scope="module")
def networks(digits):
    found = {}
    for name, build in BUILDS.items():
        torch.manual_seed(0)
        found[name] = build()
        nsm.fit(
            found[name],
            digits.x_train,
            digits.y_train,
            epochs=8,
            lr=5e-3,
            batch_size=50,
            rng=0,
            progress=False,
        )
    return found


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("options", [{}, {"weight_scale": "row", "bias": "reference"}])
def test_tuning_lowers_the_error_and_writes_no_cell(name, options, networks, digits):
    chip = nsm.map_to_crossbar(networks[name], replace(HARDWARE, **options), rng=1)
    cells = [np.concatenate(chip.conductances(i), axis=1) for i in range(len(chip.layers))]
    before = chip.error_rate(digits.x_test, digits.y_test, 10, rng=0)
    losses = nsm.tune(chip, digits.x_train, digits.y_train, steps=100, batch_size=400, rng=0)
    after = chip.error_rate(digits.x_test, digits.y_test, 10, rng=0)
    assert len(losses) == 100
    # Thresholds alone mend less than gains or factors a.
    has_thresholds = name in ("native", "bd", "stnn")
    assert losses[-20:].mean() < (0.95 if has_thresholds else 0.8) * losses[:5].mean()
    assert after < (1.0 if has_thresholds else 0.8) * before
    for number, g in enumerate(cells):
        np.testing.assert_array_equal(g, np.concatenate(chip.conductances(number), axis=1))
    tuned = chip.report().query("where == 'tiles'").tuning.tolist()
    first = {"nsm": "a, threshold", "native": "threshold", "bd": "threshold", "stnn": "threshold"}
    assert tuned[0] == first.get(name, "gain, shift")
    assert tuned[-1] == "gain, shift"


def test_same_seed_same_chip_and_another_call_goes_on(networks, digits):
    x, y = digits.x_train, digits.y_train
    chips = [nsm.map_to_crossbar(networks["nsm"], HARDWARE, rng=1) for _ in range(2)]
    for chip in chips:
        first = nsm.tune(chip, x, y, steps=40, rng=5)
    outputs = [chip.sample(digits.x_test[:20], 3, rng=0) for chip in chips]
    np.testing.assert_array_equal(*outputs)
    again = nsm.tune(chips[0], x, y, steps=5, rng=5, lr=1e-9)
    assert again.mean() < 0.8 * first[:5].mean()


def test_what_is_tuned_in_torch_is_what_the_chip_computes(networks, digits):
    hardware = replace(HARDWARE, gate=BlankOut(0.5), weight_scale="row")
    chip = nsm.map_to_crossbar(networks["conv"].double(), hardware, rng=1)
    x, y = digits.x_train[:64].astype(float), digits.y_train[:64]
    nsm.tune(chip, x, y, steps=5, batch_size=64, rng=0)
    logits = torch.as_tensor(chip.sample(x, 1, rng=0)[0])
    loss = nn.functional.cross_entropy(logits, torch.as_tensor(y).long())
    # All images are one batch, and these chips have no noise: the next loss is that of the chip.
    assert nsm.tune(chip, x, y, steps=1, batch_size=64, rng=0)[0] == pytest.approx(loss.item())


def test_calibrated_converters_are_part_of_what_is_tuned(networks, digits):
    converters = {"dac": Dac(4), "adc": Adc(5, offset=1e-8), "input_scale": "calibrated"}
    chip = nsm.map_to_crossbar(networks["conv"].double(), replace(HARDWARE, **converters), rng=1)
    x, y = digits.x_train[:64].astype(float), digits.y_train[:64]
    chip.age(3e7)
    chip.calibrate(x, per="column", rng=0)
    first = nsm.tune(chip, x, y, steps=20, batch_size=64, rng=0)
    logits = torch.as_tensor(chip.sample(x, 1, rng=0)[0])
    loss = nn.functional.cross_entropy(logits, torch.as_tensor(y).long())
    again = nsm.tune(chip, x, y, steps=1, batch_size=64, rng=0)[0]
    assert again == pytest.approx(loss.item())
    assert again < 0.9 * first[0]


@pytest.mark.parametrize("name", ["nsm", "relu"])
def test_tuned_chips_are_saved_and_loaded(name, networks, digits, tmp_path):
    chip = nsm.map_to_crossbar(networks[name].float(), replace(HARDWARE, bias="reference"), rng=1)
    chip.compensate("layer", rng=0)
    nsm.tune(chip, digits.x_train, digits.y_train, steps=5, rng=0)
    chip.save(tmp_path / "chip.safetensors")
    loaded = nsm.load_chip(tmp_path / "chip.safetensors")
    x = digits.x_test[:20]
    np.testing.assert_array_equal(loaded.sample(x, 3, rng=0), chip.sample(x, 3, rng=0))
    assert loaded.report().tuning.tolist() == chip.report().tuning.tolist()
    loaded.compensate(None)
    chip.compensate(None)
    np.testing.assert_array_equal(loaded.sample(x, 3, rng=0), chip.sample(x, 3, rng=0))


def test_gains_are_counted_in_the_cost(networks, digits):
    chip = nsm.map_to_crossbar(networks["relu"], HARDWARE, rng=1)
    before = chip.cost()["digital [J]"].iloc[-1]
    nsm.tune(chip, digits.x_train, digits.y_train, steps=2, rng=0)
    assert chip.cost()["digital [J]"].iloc[-1] > before


@pytest.mark.parametrize("change", ["age", "wires"])
def test_a_chip_is_tuned_as_it_is_now(change, networks, digits):
    wires = Wires(r_row=1500.0, r_col=1500.0) if change == "wires" else None
    chip = nsm.map_to_crossbar(networks["relu"], replace(HARDWARE, wires=wires), rng=1)
    if change == "age":
        chip.age(3e7)
    before = chip.error_rate(digits.x_test, digits.y_test, 1, rng=0)
    nsm.tune(chip, digits.x_train, digits.y_train, steps=100, rng=0)
    assert chip.error_rate(digits.x_test, digits.y_test, 1, rng=0) < 0.7 * before


class Reshaping(nn.Module):
    """A network that takes images of any shape with 64 pixels."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x):
        return self.layer(x.reshape(-1, 64))


def test_labels_and_images_are_checked_where_mapping_tried_another_shape():
    chip = nsm.map_to_crossbar(Reshaping(), HARDWARE, rng=0)
    x, y = np.zeros((4, 8, 8)), np.arange(4) + 9
    with pytest.raises(ValueError, match="labels go from 9 to 12; the network has 10 classes"):
        nsm.tune(chip, x, y, steps=1)
    with pytest.raises(ValueError, match=r"a Reshaping cannot take images of shape \(63,\)"):
        nsm.tune(chip, np.zeros((4, 63)), np.arange(4), steps=1)


def test_what_cannot_be_tuned_is_refused(networks, digits):
    chip = nsm.map_to_crossbar(networks["relu"], HARDWARE, rng=1)
    x, y = digits.x_train, digits.y_train
    with pytest.raises(ValueError, match="steps = 0"):
        nsm.tune(chip, x, y, steps=0)
    with pytest.raises(ValueError, match="lr = -1"):
        nsm.tune(chip, x, y, lr=-1)
    with pytest.raises(ValueError, match=r"lr = 1e\+38 is not allowed"):
        nsm.tune(chip, x, y, lr=1e38)
    with pytest.raises(FloatingPointError, match=r"the loss became (nan|inf) in step 2; lower lr"):
        nsm.tune(chip, x, y, steps=2, lr=1e37)
    assert (chip.layers[-1].tuning.gain == 1).all()
    with pytest.raises(ValueError, match="labels have shape"):
        nsm.tune(chip, x, y[:3])
    with pytest.raises(ValueError, match="no images to tune on"):
        nsm.tune(chip, x[:0], y[:0])
    with pytest.raises(ValueError, match="nsm.tune got a Sequential; give a chip"):
        nsm.tune(networks["relu"], x, y)
    for fields, message in (
        (
            {"adc": Adc(8, per="tile")},
            "^nsm.tune knows what training for chips knows: .* adc = Adc.* converts the current",
        ),
        ({"dac": Dac(8)}, r"DAC of layer 0 \(Linear\) has no range: .* chip\.calibrate\(x\)"),
        ({"input_scale": "calibrated"}, r"inputs of layer 0 \(Linear\) have no scale: "),
    ):
        converted = nsm.map_to_crossbar(networks["relu"], replace(HARDWARE, **fields), rng=1)
        with pytest.raises(ValueError, match=message):
            nsm.tune(converted, x, y)
