"""Networks as chips compute them: equal to the network without errors, and to chips with them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Adc, BitSliced, Comparator, Dac, Hardware, ReferenceColumn, Wires
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    SinhCurve,
    StateDependentError,
    StuckCells,
    ThermalShotNoise,
)
from nsm.learning import widened
from nsm.nn.rules import BinConcreteLinear
from nsm.nn.stochastic import Stochastic, reseed
from nsm.training.hardware_aware.aware_layers import AwareLayer
from nsm.training.hardware_aware.network import HardwareAware

#: Cells without errors and pedestals: reads have the noise of the gate alone.
PERFECT = Hardware(
    device=Device(g_min=1e-15, g_max=1e-6),
    gate=BlankOut(0.5),
    deterministic_path="ideal",
    bias="reference",
    tile_shape=(16, 16),
)
BAD = replace(
    PERFECT,
    device=Device(
        g_min=1e-7,
        g_max=1e-6,
        levels=4,
        write=StateDependentError(coefficients=(1e-7,)),
        faults=StuckCells(p_stuck_hrs=0.05),
        read_noise=GaussianNoise(0.1),
    ),
    deterministic_path="programmed",
    bias="word_line",
)
WIDTHS = (20, 30, 10)


def convolutional():
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 5)),
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 2, groups=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(72, 10),
    )


class Residual(nn.Module):
    """A network whose forward is traced."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(20, 20)
        self.norm = nn.BatchNorm1d(20)
        self.last = nn.Linear(20, 10, bias=False)

    def forward(self, x):
        return self.last(torch.relu(self.norm(self.first(x))) + x)


def sampling_convolution(**options):
    return nn.Sequential(
        nsm.Binarize(0.5),
        nn.Unflatten(1, (1, 4, 5)),
        nsm.NSMConv2d(1, 4, 3, padding=1, **options),
        nsm.NSMConv2d(4, 3, 2),
        nn.Flatten(),
        nn.Linear(36, 10),
    )


BUILDS = {
    "nsm": lambda: nsm.nsm_mlp(WIDTHS),
    "nsm conv": sampling_convolution,
    "locations": lambda: sampling_convolution(locations=(4, 5)),
    "relu": lambda: nsm.relu_mlp(WIDTHS),
    "bd": lambda: nsm.bd_mlp(WIDTHS),
    "stnn": lambda: nsm.stnn_mlp(WIDTHS),
    "conv": convolutional,
    "residual": Residual,
}


def built(name):
    torch.manual_seed(0)
    model = BUILDS[name]()
    for module in model.modules():
        if isinstance(module, nsm.NSMConv2d):
            nn.init.uniform_(module.beta, 0.5, 1.5)
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model


def images(count=6):
    return torch.rand(count, 20, generator=torch.Generator().manual_seed(1))


def outputs_and_gradients(network, model, x):
    """Return outputs and the gradients of the model's parameters under fixed noise."""
    model.zero_grad()
    for number, layer in enumerate(m for m in network.modules() if owns_noise(m)):
        layer._seed, layer._generator = 100 + number, None
    out = network(x)
    (out**2).sum().backward()
    return out.detach(), [p.grad.clone() for p in model.parameters()]


def owns_noise(module):
    """Return whether a module is a stochastic layer of the network itself."""
    return isinstance(module, Stochastic) and not isinstance(module, AwareLayer)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", BUILDS)
def test_without_errors_outputs_and_gradients_are_those_of_the_network(name, training):
    model = built(name)
    aware = nsm.hardware_aware(model, PERFECT, rng=0).train(training)
    model.train(training)
    statistics = [b.clone() for b in model.buffers()]
    wanted, of_model = outputs_and_gradients(model, model, images())
    for buffer, before in zip(model.buffers(), statistics, strict=True):
        buffer.copy_(before)
    found, of_aware = outputs_and_gradients(aware, model, images())
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    for one, other in zip(of_aware, of_model, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_range": "least_squares"},
        {"weight_range": 90.0, "weight_scale": "row"},
        {"wires": Wires(r_row=200.0, r_col=200.0)},
        {"mapping": ReferenceColumn()},
        {"comparator": Comparator(offset=1e-8, noise=1e-8)},
    ],
)
@pytest.mark.parametrize("name", ["nsm", "relu", "bd", "conv", "residual"])
def test_in_eval_it_is_the_chip_of_the_same_seed(name, options):
    model = built(name).eval()
    hardware = replace(BAD, **options)
    aware = nsm.hardware_aware(model, hardware, rng=3).eval()
    chip = nsm.map_to_crossbar(model, hardware, rng=3)
    with torch.no_grad():
        aware(images())
    tiles = iter(chip.layers)
    for layer in aware.aware_layers():
        parts = [next(tiles) for _ in layer.slot.parts]
        mean = [p.neurons.main.reader.moments.mean_matrix.T / p.row_factors[:, None] for p in parts]
        factor, _ = layer.slot.folding()
        unfolded = np.concatenate(mean) / factor[:, None]
        np.testing.assert_allclose(layer.drawn.main, unfolded, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"gate_sharing": "word_line"}, {"mapping": ReferenceColumn()}]
)
@pytest.mark.parametrize("name", ["nsm", "relu", "stnn", "conv", "locations"])
def test_reads_have_mean_and_variance_of_those_of_the_chip(name, options):
    model = built(name).eval()
    hardware = replace(BAD, **options)
    aware = nsm.hardware_aware(model, hardware, rng=3).eval()
    chip = nsm.map_to_crossbar(model, hardware, rng=3)
    x, n, copies = images(2), 400, 40
    reseed(aware, 4)
    with torch.no_grad():
        batch = torch.cat([x] * copies)
        mine = torch.cat([aware(batch).unflatten(0, (copies, 2)) for _ in range(n // copies)])
    mine = mine.double().numpy()
    theirs = chip.sample(x.double().numpy(), n, rng=5)
    error = np.sqrt((mine.var(axis=0) + theirs.var(axis=0)) / n)
    assert np.abs((mine.mean(axis=0) - theirs.mean(axis=0)) / error).max() < 4.5
    # The logarithm of a ratio of two variances of n reads has the variance 4/n (normal outputs).
    ratio = np.log(mine.var(axis=0) / theirs.var(axis=0))
    assert abs(ratio.mean()) < 5 * np.sqrt(4 / n)
    assert np.abs(ratio).max() < 6 * np.sqrt(4 / n)


def test_chips_of_training_have_the_law_of_mapped_chips():
    model = built("relu")
    hardware = replace(BAD, weight_range=90.0)
    aware = nsm.hardware_aware(model, hardware, rng=0).train()
    n = 60
    mine, theirs = [], []
    for seed in range(n):
        with torch.no_grad():
            aware(images())
        mine.append(aware.effective_weights()["0"].numpy().astype(float))
        theirs.append(nsm.map_to_crossbar(model, hardware, rng=1000 + seed).weights(0))
    mine, theirs = np.array(mine), np.array(theirs)
    spread = np.sqrt(mine.var(axis=0) + theirs.var(axis=0))
    z = (mine.mean(axis=0) - theirs.mean(axis=0)) / (spread / np.sqrt(n))
    assert np.abs(z).max() < 5
    assert np.sqrt((z**2).mean()) == pytest.approx(1, abs=5 / np.sqrt(2 * z.size))
    total = np.log(mine.var(axis=0).mean() / theirs.var(axis=0).mean())
    assert abs(total) < 0.05


def test_every_step_has_a_fresh_chip_and_the_same_seed_the_same_steps():
    model = built("relu")
    first, again, other = (nsm.hardware_aware(model, BAD, rng=seed).train() for seed in (0, 0, 1))
    seen = []
    with torch.no_grad():
        for aware in (first, again, other):
            for _ in range(2):
                aware(images())
                seen.append(aware.effective_weights()["0"])
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[4])
    first.restart(0)
    with torch.no_grad():
        first(images())
    assert torch.equal(first.effective_weights()["0"], seen[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_in_eval_the_chip_stays_until_the_weights_change(dtype):
    model = built("relu").to(dtype)
    aware = nsm.hardware_aware(model, BAD, rng=0).eval()
    seen = []
    with torch.no_grad():
        for change in (False, False, True):
            if change:
                model[0].weight *= 1.3
            aware(images().to(dtype))
            seen.append(aware.effective_weights()["0"])
    assert seen[0] is seen[1]
    assert not torch.equal(seen[1], seen[2])
    assert aware.step == 0


def test_it_shares_the_parameters_and_leaves_the_network_as_it_is():
    model = built("conv")
    layers = list(model)
    aware = nsm.hardware_aware(model, BAD, rng=0)
    assert aware.model is model
    assert {id(p) for p in aware.parameters()} == {id(p) for p in model.parameters()}
    assert all(now is before for now, before in zip(model, layers, strict=True))
    before = model[2].running_mean.clone()
    aware.train()(images())
    assert not torch.equal(model[2].running_mean, before)


def test_gradients_of_the_inputs_are_exact_on_a_fixed_chip():
    model = built("conv").double()
    hardware = replace(BAD, device=replace(BAD.device, levels=None))
    aware = nsm.hardware_aware(model, hardware, rng=0).eval()

    def of(x):
        reseed(aware, 7)
        return aware(x)

    x = images(2).double().requires_grad_()
    assert torch.autograd.gradcheck(of, (x,), atol=1e-6)


def test_gradients_of_the_weights_are_exact_where_programming_is_smooth():
    model = built("residual").double()
    aware = nsm.hardware_aware(model, PERFECT, rng=0).eval()
    parameters = (model.first.weight, model.last.weight, model.norm.weight, model.first.bias)

    def of(*_):
        return aware(images(2).double())

    # One weight per matrix: each numerical derivative programs two chips.
    out = of().sum()
    found = torch.autograd.grad(out, parameters)
    for parameter, gradient in zip(parameters, found, strict=True):
        place = np.unravel_index(int(gradient.abs().argmax()), gradient.shape)
        with torch.no_grad():
            values = []
            for step in (1e-5, -1e-5):
                parameter[place] += step
                values.append(of().sum().item())
                parameter[place] -= step
        assert gradient[place].item() == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5)


def test_clipped_weights_have_no_gradient_and_rounded_ones_have_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 10))
    hardware = replace(PERFECT, device=replace(PERFECT.device, levels=3), weight_range=80.0)
    aware = nsm.hardware_aware(model, hardware, rng=0).train()
    aware(images()).sum().backward()
    size = model[0].weight.detach().abs()
    inside = size <= np.percentile(size.double().numpy(), 80) * (1 + 1e-6)
    assert (model[0].weight.grad[~inside] == 0).all()
    expected = images().sum(0).expand(10, -1)
    torch.testing.assert_close(model[0].weight.grad[inside], expected[inside])
    assert 0.15 < (~inside).double().mean() < 0.25


def test_wires_hold_for_some_steps_and_the_chips_are_fresh():
    model = built("relu")
    wired = replace(BAD, wires=Wires(r_row=500.0, r_col=500.0))
    held, solved = (nsm.hardware_aware(model, wired, rng=0, wires_every=n).train() for n in (3, 1))
    plain = nsm.hardware_aware(model, BAD, rng=0).train()
    with torch.no_grad():
        for step in range(4):
            for aware in (held, solved, plain):
                aware(images())
            mine, exact, without = (a.effective_weights()["0"] for a in (held, solved, plain))
            if step % 3 == 0:
                assert torch.equal(mine, exact)
            else:
                assert not torch.equal(mine, exact)
                assert (mine - exact).abs().mean() < 0.2 * (without - exact).abs().mean()


def test_layers_without_hardware_stay_digital():
    model = built("relu")
    aware = nsm.hardware_aware(model, {"0": BAD, "*": None}, rng=0)
    assert [layer.slot.path for layer in aware.aware_layers()] == ["0"]
    assert isinstance(aware, HardwareAware)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(10, 20))

    def forward(self, x):
        return nn.functional.linear(x, self.w)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (lambda: built("relu"), {"adc": Adc(4, per="tile")}, "layer 0 (Linear): adc = Adc(bits=4"),
        (
            lambda: built("relu"),
            {"adc": Adc(4), "mapping": BitSliced(bits=4, bits_per_cell=2)},
            "(Linear): adc = Adc(bits=4, range=None, noise=0.0, offset=0.0, per='output') converts "
            "each slice",
        ),
        (lambda: built("relu"), {"dac": Dac(4)}, "layer 0 (Linear): dac = Dac(bits=4, range=None"),
        (lambda: built("nsm"), {"dac": Dac(4, serial=True)}, "reads the array bit by bit"),
        (
            lambda: built("relu"),
            {"device": replace(PERFECT.device, iv=SinhCurve(v_0=0.2))},
            "iv = SinhCurve(v_0=0.2",
        ),
        (
            lambda: built("relu"),
            {"device": replace(PERFECT.device, read_noise=ThermalShotNoise(shot=1.0))},
            "has shot noise",
        ),
        (lambda: built("relu"), {"input_scale": "calibrated"}, 'input_scale = "calibrated"'),
        (Functional, {}, "multiplies by weights inside a forward"),
        (
            lambda: nn.Sequential(nn.LSTM(20, 5, batch_first=True)),
            {},
            """such as {'0.*': None, "*": hardware}""",
        ),
        (lambda: nn.Sequential(BinConcreteLinear(20, 10)), {}, "layer 0 (BinConcreteLinear) has a"),
        (
            lambda: nn.Sequential(nn.utils.weight_norm(nn.Linear(20, 10))),
            {},
            "has weights that a hook computes",
        ),
        (
            lambda: nn.Sequential(nn.Linear(20, 5), nn.ReLU(), nn.BatchNorm1d(5), nn.Linear(5, 3)),
            {},
            "normalization right behind a layer",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_what_cannot_be_trained_for_is_refused_by_name(build, options, message):
    needed = {"LSTM": torch.rand(2, 3, 20), "Functional": images()}
    example = next((x for name, x in needed.items() if name in str(build())), None)
    with pytest.raises(ValueError, match=None) as problem:
        nsm.hardware_aware(build(), replace(PERFECT, **options), rng=0, example=example)
    assert message in str(problem.value)


@pytest.mark.parametrize(
    "use",
    [
        lambda m: nsm.map_to_crossbar(m, PERFECT, rng=0),
        lambda m: nsm.hardware_aware(m, PERFECT, rng=0),
        lambda m: nsm.fit(m, images(), np.zeros(6, int), epochs=1, rng=0),
        lambda m: nsm.clip_weights(m, 99.0),
        lambda m: nsm.save(m, "a.safetensors"),
        lambda m: nsm.save_weights(m, "a.safetensors"),
        lambda m: widened(m, 2),
    ],
)
def test_what_has_no_weights_of_its_own_is_not_taken_for_a_network(use):
    aware = nsm.hardware_aware(built("relu"), PERFECT, rng=0)
    with pytest.raises(ValueError, match=r"a HardwareAware has .*; give .*, its attribute model$"):
        use(aware)
    chip = nsm.map_to_crossbar(built("relu"), PERFECT, rng=0)
    with pytest.raises(ValueError, match="a MappedNetwork has no weights of its own; give the net"):
        use(chip)


@pytest.mark.parametrize(
    ("hardware", "options", "message"),
    [
        (BAD, {"wires_every": 5}, "wires_every = 5 has no effect: the hardware has no wires"),
        (BAD, {"range_every": 5}, 'has no weight_range = "least_squares"'),
        (replace(BAD, weight_range="least_squares"), {"range_every": 0}, "range_every = 0"),
        (
            replace(BAD, wires=Wires(r_row=1.0, r_col=1.0), compensate_wires=True),
            {"wires_every": 5},
            "compensate_wires = True solves the wires for every chip",
        ),
    ],
)
def test_options_without_effect_are_refused(hardware, options, message):
    with pytest.raises(ValueError) as problem:
        nsm.hardware_aware(built("relu"), hardware, rng=0, **options)
    assert message in str(problem.value)


@pytest.mark.parametrize(
    ("build", "shape"), [(lambda: nn.Linear(6, 3), (6,)), (lambda: nn.Conv2d(2, 3, 2), (2, 4, 4))]
)
def test_one_image_without_the_axis_of_a_batch_has_outputs_without_it(build, shape):
    torch.manual_seed(0)
    layer = build()
    x = torch.sign(torch.randn(2, *shape))
    model = nn.Sequential(layer)
    aware = nsm.hardware_aware(model, BAD, rng=0, example=x.numpy())
    assert aware(x[0]).shape == model(x[0]).shape == aware(x).shape[1:]


@pytest.mark.parametrize("given", [np.zeros((2, 20), np.float32), [[0.0] * 20]])
def test_what_is_no_tensor_is_refused(given):
    aware = nsm.hardware_aware(built("relu"), PERFECT, rng=0)
    message = (
        rf"was called with a {type(given).__name__}; give a torch\.Tensor, such as torch\.as_t"
    )
    with pytest.raises(ValueError, match=message):
        aware(given)
    assert aware.step == 0
