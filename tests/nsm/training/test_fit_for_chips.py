"""`nsm.fit(hardware=...)`: networks learn to bear their chips; killed runs resume bit for bit."""

from dataclasses import replace

import pytest
import torch

import nsm
import nsm.training.state
from crossbar import Hardware, Wires
from devices import BlankOut, Device, StateDependentError
from tests.helpers.training import fresh

HARDWARE = Hardware(
    device=Device(
        g_min=1e-8, g_max=1e-6, levels=2, write=StateDependentError(coefficients=(1e-7,))
    ),
    gate=BlankOut(0.5),
    weight_range="least_squares",
)


def trained(model, data, n=300, **options):
    settings = {"epochs": 3, "rng": 1, "progress": False, "hardware": HARDWARE} | options
    return nsm.fit(model, data.x_train[:n], data.y_train[:n], **settings)


class Killed(BaseException):
    """What a signal does to a run."""


def test_training_for_the_chip_lowers_the_error_on_chips(digits):
    plain = fresh()
    trained(plain, digits, n=None, epochs=12, lr=5e-3, batch_size=50, hardware=None)
    model = fresh()
    model.load_state_dict(plain.state_dict())
    trained(model, digits, n=None, epochs=4, lr=5e-3, batch_size=50)
    errors = [
        sum(
            nsm.map_to_crossbar(each, HARDWARE, rng=seed).error_rate(
                digits.x_test, digits.y_test, 10, rng=0
            )
            for seed in (100, 101)
        )
        / 2
        for each in (plain, model)
    ]
    assert errors[1] < 0.7 * errors[0]
    assert errors[1] < 0.2


@pytest.mark.parametrize("wires", [None, Wires(r_row=2.0, r_col=2.0)])
@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_run_that_was_killed_ends_bit_for_bit_where_it_would_have(
    wires, ema_decay, digits, tmp_path, monkeypatch
):
    options = {"ema_decay": ema_decay, "hardware": replace(HARDWARE, wires=wires), "n": 200}
    unbroken, path = fresh(), tmp_path / "run.safetensors"
    expected = trained(unbroken, digits, **options)
    write, written = nsm.training.state.write_tensors, []

    def write_and_die(*arguments):
        write(*arguments)
        written.append(arguments)
        if len(written) == 2:
            raise Killed

    monkeypatch.setattr(nsm.training.state, "write_tensors", write_and_die)
    with pytest.raises(Killed):
        trained(fresh(), digits, checkpoint=path, **options)
    monkeypatch.undo()
    torch.manual_seed(1234)
    resumed = fresh()
    assert trained(resumed, digits, checkpoint=path, **options).equals(expected)
    for name, value in resumed.state_dict().items():
        assert torch.equal(value, unbroken.state_dict()[name]), name


@pytest.mark.parametrize(
    "other",
    [None, replace(HARDWARE, weight_scale="row"), {"0": HARDWARE, "*": HARDWARE}],
)
def test_a_checkpoint_knows_its_hardware(other, digits, tmp_path):
    path = tmp_path / "run.safetensors"
    options = {"epochs": 1, "n": 100, "checkpoint": path}
    trained(fresh(), digits, **options)
    if isinstance(other, dict):
        other = {"1": HARDWARE, "*": HARDWARE}
    with pytest.raises(ValueError, match="another training \\(it differs in hardware"):
        trained(fresh(), digits, **(options | {"hardware": other}))


def test_errors_after_an_epoch_are_those_of_the_chip_of_the_seed(digits):
    model = fresh("relu")
    x, y = digits.x_test[:200], digits.y_test[:200]
    history = trained(model, digits, epochs=1, validation=(x, y), validation_samples=1)
    chip = nsm.map_to_crossbar(model, HARDWARE, rng=1)
    assert history.error[0] == pytest.approx(chip.error_rate(x, y, 1, rng=0))


def test_wires_without_hardware_are_refused(digits):
    with pytest.raises(ValueError, match="wires_every = 5 has no effect without hardware"):
        trained(fresh(), digits, hardware=None, wires_every=5)
