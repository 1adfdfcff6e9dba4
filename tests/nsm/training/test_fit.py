"""Training: the loss falls, a killed run ends where it would have, and eq. 8 starts the layers."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import nsm.training.state
from nsm import error_rate, fit
from nsm.nn.files.tensor_file import read_tensors, write_tensors
from tests.helpers.training import BUILDS, WIDTHS, fresh


def trained(model, data, n=300, **options):
    return fit(
        model,
        data.x_train[:n],
        data.y_train[:n],
        **({"epochs": 3, "rng": 1, "progress": False} | options),
    )


def assert_same_weights(one, other):
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("build", ["nsm", "relu", "stnn"])
def test_few_epochs_learn_the_digits(build, digits):
    model = fresh(build)
    history = trained(model, digits, n=None, epochs=15, lr=5e-3, batch_size=50)
    assert list(history.columns) == ["epoch", "loss"]
    assert list(history.epoch) == list(range(1, 16))
    assert history.loss.iloc[-1] < history.loss.iloc[0] / 2
    assert error_rate(model, digits.x_test, digits.y_test, 10, rng=0) < 0.15
    assert not model.training


class Killed(BaseException):
    """What a signal does to a run."""


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
@pytest.mark.parametrize("build", BUILDS)
def test_a_run_that_was_killed_ends_bit_for_bit_where_it_would_have(
    build, ema_decay, digits, tmp_path, monkeypatch
):
    unbroken, path = fresh(build), tmp_path / "run.safetensors"
    expected = trained(unbroken, digits, ema_decay=ema_decay)
    write, written = nsm.training.state.write_tensors, []

    def write_and_die(*arguments):
        write(*arguments)
        written.append(arguments)
        if len(written) == 2:
            raise Killed

    monkeypatch.setattr(nsm.training.state, "write_tensors", write_and_die)
    with pytest.raises(Killed):
        trained(fresh(build), digits, checkpoint=path, ema_decay=ema_decay)
    monkeypatch.undo()
    torch.manual_seed(
        1234
    )  # neither torch's stream nor the fresh weights of the second start may matter
    resumed = BUILDS[build](WIDTHS)
    history = trained(resumed, digits, checkpoint=path, ema_decay=ema_decay)
    assert_same_weights(resumed, unbroken)
    assert history.equals(expected)


def test_a_finished_run_is_not_trained_again(digits, tmp_path, monkeypatch):
    path, model = tmp_path / "run.safetensors", fresh()
    history = trained(model, digits, checkpoint=path)
    monkeypatch.setattr(nn.functional, "cross_entropy", None)  # any step would fail
    again = fresh()
    assert trained(again, digits, checkpoint=path).equals(history)
    assert_same_weights(again, model)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"lr": 1e-4}, "lr"),
        ({"epochs": 4}, "epochs"),
        ({"batch_size": 7}, "batch_size"),
        ({"rng": 2}, "seed"),
        ({"weight_decay": 0.1}, "weight_decay"),
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"ema_decay": 0.5}, "ema_decay"),
        ({"lr_schedule": "halving"}, "lr_schedule"),
        ({"n": 299}, "data"),
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused_and_kept(change, differs, digits, tmp_path):
    path = tmp_path / "run.safetensors"
    trained(fresh(), digits, epochs=1, n=100, checkpoint=path)
    before, model = path.read_bytes(), fresh()
    with pytest.raises(ValueError, match=rf"is of another training \(it differs in {differs}\)"):
        trained(model, digits, **({"epochs": 1, "n": 100, "checkpoint": path} | change))
    assert path.read_bytes() == before
    assert_same_weights(model, fresh())


def test_a_checkpoint_of_another_network_is_refused(digits, tmp_path):
    path = tmp_path / "run.safetensors"
    trained(fresh(), digits, epochs=1, n=100, checkpoint=path)
    with pytest.raises(ValueError, match=r"it differs in architecture"):
        trained(fresh("neuron"), digits, epochs=1, n=100, checkpoint=path)


def without_moments(tensors, note):
    return {k: v for k, v in tensors.items() if not k.startswith("adam.1.")}, note


def with_nan(tensors, note):
    name = next(k for k in tensors if k.startswith("average.") and k.endswith("weight"))
    return tensors | {name: torch.full_like(tensors[name], torch.nan)}, note


def with_epochs(tensors, note):
    return tensors, note | {"epochs_done": 7}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (without_moments, r"is not whole: see adam\.1\.exp_avg, .*delete it to start anew"),
        (with_nan, r"holds NaN or infinite weights, in average\."),
        (with_epochs, r"counts 7 epochs of a training of 1;"),
    ],
)
def test_a_broken_checkpoint_is_refused_though_its_checksum_is_right(
    broken, message, digits, tmp_path
):
    path = tmp_path / "run.ckpt"
    trained(fresh(), digits, epochs=1, n=100, checkpoint=path)
    tensors, metadata = read_tensors(path)
    tensors, note = broken(tensors, json.loads(metadata["training"]))
    write_tensors(tensors, path, metadata | {"training": json.dumps(note)})
    with pytest.raises(ValueError, match=rf"checkpoint .*run\.ckpt {message}"):
        trained(fresh(), digits, epochs=1, n=100, checkpoint=path)


def test_a_network_file_is_no_checkpoint(digits, tmp_path):
    path = tmp_path / "network.safetensors"
    nsm.save(fresh(), path)
    with pytest.raises(ValueError, match="is of another training"):
        trained(fresh(), digits, checkpoint=path)


def test_same_seed_same_weights_and_torchs_own_stream_is_left_alone(digits):
    one, other, third = fresh("relu"), fresh("relu"), fresh("relu")
    state = torch.get_rng_state()
    trained(one, digits, epochs=1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    trained(other, digits, epochs=1)
    assert_same_weights(one, other)
    trained(third, digits, epochs=1, rng=2)
    assert not torch.equal(third[0].weight, one[0].weight)


def test_averaging_ends_with_the_running_mean_of_the_weights(digits):
    # One step per epoch, so that the mean can be repeated by hand: that of w_1, w_2, w_3 with
    # weights 0.6², 0.6, 1, in which the start has no part.
    kept = []

    class Watched(nsm.training.state.Adam):
        def step(self, closure=None):
            super().step(closure)
            kept.append(self.param_groups[0]["params"][0].detach().clone())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nsm.training.state, "Adam", Watched)
        model = fresh("relu")
        trained(model, digits, n=40, batch_size=40, epochs=3, ema_decay=0.6)
    assert len(kept) == 3
    mean = (0.36 * kept[0] + 0.6 * kept[1] + kept[2]) / 1.96
    assert (model[0].weight.detach() - mean).abs().max() <= 1e-6 * mean.abs().max()  # float32
    assert not torch.equal(model[0].weight, kept[-1])


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("cosine", [(1 + math.cos(math.pi * k / 8)) / 2 for k in range(8)]),
        ("halving", [1, 1, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 8, 1 / 8]),
        ("constant", [1] * 8),
    ],
)
def test_the_rate_follows_its_schedule(schedule, wanted, digits, monkeypatch):
    rates = []
    step = nsm.training.state.Adam.step
    monkeypatch.setattr(
        nsm.training.state.Adam,
        "step",
        lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))[1],
    )
    trained(fresh("relu"), digits, n=80, batch_size=40, epochs=4, lr=2e-3, lr_schedule=schedule)
    assert rates == pytest.approx([2e-3 * w for w in wanted])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_network_on_a_gpu_is_trained_and_tested_there(digits):
    model = fresh().to("cuda")
    history = trained(model, digits, n=None, epochs=15, lr=5e-3, batch_size=50)
    assert history.loss.iloc[-1] < history.loss.iloc[0] / 2
    assert next(model.parameters()).device.type == "cuda"
    assert nsm.error_rate(model, digits.x_test, digits.y_test, 10, rng=0) < 0.15


def test_validation_adds_a_column_and_changes_no_weight(digits):
    plain, watched = fresh(), fresh()
    trained(plain, digits, epochs=2)
    part = (digits.x_test[:50], digits.y_test[:50])
    history = trained(watched, digits, epochs=2, validation=part, validation_samples=2)
    assert list(history.columns) == ["epoch", "loss", "error"]
    assert history.error.between(0, 1).all()
    assert_same_weights(plain, watched)


def test_a_loss_that_diverges_is_an_error_that_names_the_rate(digits):
    model = fresh("relu")
    with torch.no_grad():
        model[0].weight.fill_(1e30)
        model[3].weight.fill_(1e30)
    message = r"the loss of the Sequential became (nan|inf) in epoch 1, step 1 of 3; .*0\.001\)"
    with pytest.raises(FloatingPointError, match=message):
        trained(model, digits, epochs=1)


def test_a_weight_that_diverges_in_the_last_step_is_an_error_that_names_it(digits):
    message = r"0\.weight of the Sequential holds NaN or infinity after epoch 1; .*it is 3e\+37\)"
    with pytest.raises(FloatingPointError, match=message):
        trained(fresh("relu"), digits, n=100, epochs=1, lr=3e37, weight_decay=1e38)


X, Y = np.random.default_rng(0).random((6, 64)), np.arange(6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": (X,)}, r"validation has 1 parts; give \(images, labels\)"),
        ({"validation": 3}, r"validation is a int; give \(images, labels\)"),
        ({"validation": (X[:, :5], Y)}, r"cannot take images of shape \(5,\)"),
        ({"validation": (X, Y + 5)}, "labels go from 5 to 10; the network has 10 classes, 0 to 9"),
        ({"validation": (X[:0], Y[:0])}, "there are no images in validation"),
        ({"validation": (X + np.inf, Y)}, "images of validation holds 384 values that are NaN"),
        ({"validation": (X, Y), "validation_samples": 0}, "validation_samples = 0 is not allowed"),
        ({"validation_samples": 3}, "validation_samples = 3 has no effect: there are no validati"),
        ({"measure": "error"}, "measure = 'error' cannot be called"),
        ({"augment": "shift"}, "augment = 'shift' cannot be called"),
        ({"lr": 1e38}, r"lr = 1e\+38 is not allowed"),
        ({"checkpoint": "nowhere/a"}, "the folder nowhere does not exist; create it first"),
        ({"checkpoint": "a", "rng": None}, "checkpoint = 'a' with rng = None: every call would"),
        ({"rng": -1}, "rng = -1 is not allowed"),
    ],
)
def test_a_refused_call_has_changed_nothing(options, message):
    model = fresh("relu")
    before = {name: values.clone() for name, values in model.state_dict().items()}
    settings = {"epochs": 1, "rng": 0, "progress": False, "weight_bound": 1e-3, **options}
    with pytest.raises(ValueError, match=message):
        fit(model, X, Y, **settings)
    assert all(torch.equal(before[name], values) for name, values in model.state_dict().items())
    assert model.training


def test_a_checkpoint_of_another_training_changes_nothing(tmp_path):
    file = tmp_path / "run.safetensors"
    settings = {"epochs": 1, "rng": 0, "progress": False, "checkpoint": file}
    fit(fresh("relu"), X, Y, validation=(X, Y), **settings)
    model = fresh("relu")
    before = [p.detach().clone() for p in model.parameters()]
    for options, differs in (
        ({"weight_bound": 1e-3}, "validation, validation_samples, weight_bound"),
        ({"validation": (X[:3], Y[:3])}, "validation"),
    ):
        with pytest.raises(ValueError, match=rf"another training \(it differs in {differs}\)"):
            fit(model, X, Y, **settings, **options)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs = 0 is not allowed"),
        ({"batch_size": 0}, "batch_size = 0 is not allowed"),
        ({"lr": 0}, r"lr = 0 is not allowed.*\(0, 3"),
        ({"weight_decay": -1}, "weight_decay = -1 is not allowed"),
        (
            {"label_smoothing": 1},
            r"label_smoothing = 1 is not allowed.*\[0, 1\)",
        ),
        ({"ema_decay": 1}, "ema_decay = 1 is not allowed"),
        ({"lr_schedule": "halved"}, "unknown lr_schedule 'halved'; did you mean 'halving'"),
        ({"rng": -1}, "rng = -1 is not allowed"),
    ],
)
def test_bad_settings_are_refused(options, message, digits):
    with pytest.raises(ValueError, match=message):
        trained(fresh(), digits, **options)


@pytest.mark.parametrize(
    ("lowest", "message"),
    [(-100, "from -100 to"), (3, r"from \d+ to 12; the network has 10 classes")],
)
def test_labels_that_the_network_has_not_are_refused(lowest, message, digits):
    y = digits.y_train[:300] + lowest
    with pytest.raises(ValueError, match=f"labels go {message}"):
        fit(fresh(), digits.x_train[:300], y, epochs=1, rng=0, progress=False)
    with pytest.raises(ValueError, match=f"labels go {message}"):
        nsm.error_rate(fresh(), digits.x_train[:300], y, 1, rng=0)


def test_no_images_are_refused(digits):
    x, y = digits.x_train[:0], digits.y_train[:0]
    with pytest.raises(ValueError, match="there are no images to train on"):
        fit(fresh(), x, y, epochs=1, rng=0, progress=False)
    with pytest.raises(ValueError, match="there are no images to err on"):
        nsm.error_rate(fresh(), x, y, 1, rng=0)


def test_layers_are_left_in_the_mode_they_were_in(digits):
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(64), torch.nn.Linear(64, 10)).train()
    model[0].eval()  # frozen
    nsm.error_rate(model, digits.x_test, digits.y_test, 1, rng=0)
    assert (model.training, model[0].training, model[1].training) == (True, False, True)
    with pytest.raises(ValueError, match=r"a Sequential cannot take images of shape \(60,\)"):
        nsm.error_rate(model, digits.x_test[:, :60], digits.y_test, 1, rng=0)
    assert (model.training, model[0].training, model[1].training) == (True, False, True)


def test_bad_data_are_refused(digits):
    x, y = digits.x_train[:5].copy(), digits.y_train[:5]
    for labels, message in (
        (y[:4], r"labels have shape \(4,\); 5 images need \(5,\)"),
        (y * 1.0, "labels have dtype float64"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(fresh(), x, labels, epochs=1, rng=0, progress=False)
    x[2, 3] = np.nan
    with pytest.raises(ValueError, match="x holds 1 values that are NaN or infinite"):
        fit(fresh(), x, y, epochs=1, rng=0, progress=False)


def test_labels_of_pixels_are_fitted():
    torch.manual_seed(0)
    model = nn.Conv2d(1, 3, 3)
    rng = np.random.default_rng(0)
    x, y = rng.random((6, 1, 5, 6)), rng.integers(3, size=(6, 3, 4))
    history = fit(model, x, y, epochs=2, rng=0, progress=False)
    assert len(history) == 2
    with pytest.raises(ValueError, match=r"labels have shape \(6,\); 6 images need \(6, 3, 4\), o"):
        fit(model, x, y[:, 0, 0], epochs=1, rng=0, progress=False)
    with pytest.raises(
        ValueError, match="labels go from 1 to 3; the network has 3 classes, 0 to 2"
    ):
        fit(model, x, y + 1, epochs=1, rng=0, progress=False)


def normalized():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.BatchNorm1d(64), nn.Linear(64, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 10)
    )


def test_running_statistics_of_the_last_step_end_in_the_averaged_network(digits):
    # Steps do not depend on the mean of the weights: both runs see the same batches, and so the
    # same statistics.
    plain, averaged = normalized(), normalized()
    trained(plain, digits)
    trained(averaged, digits, ema_decay=0.9)
    assert not torch.equal(plain[1].weight, averaged[1].weight)
    for layer in (0, 2):
        for name in ("running_mean", "running_var"):
            assert torch.equal(getattr(averaged[layer], name), getattr(plain[layer], name))
        assert (
            averaged[layer].num_batches_tracked == 3 * 3
        )  # epochs of 300 images in batches of 100
    # Repeated by hand for the first layer, whose inputs depend on no weight:
    # r ← 0.9 r + 0.1 mean of the batch.
    batches = []
    handle = nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: (
            batches.append(inputs[0].mean(0))
            if isinstance(module, nn.Sequential) and module.training
            else None
        )
    )
    trained(normalized(), digits)
    handle.remove()
    mean = torch.zeros(64)
    for batch in batches:
        mean = 0.9 * mean + 0.1 * batch
    torch.testing.assert_close(averaged[0].running_mean, mean, rtol=1e-5, atol=1e-7)  # float32


def size_and_error(data):
    """A measure that draws, in the network's own streams and in torch's."""

    def measure(model):
        torch.rand(7)
        noisy = error_rate(model, data.x_test[:50], data.y_test[:50], 2, rng=0)
        return {"size": float(model[-1].weight.detach().norm()), "noisy": noisy}

    return measure


def test_measures_are_columns_of_the_history_and_change_no_weight(digits):
    plain, watched = fresh(), fresh()
    losses = trained(plain, digits).loss
    history = trained(watched, digits, measure=size_and_error(digits))
    assert list(history.columns) == ["epoch", "loss", "size", "noisy"]
    assert_same_weights(plain, watched)
    assert history.loss.equals(losses)
    # What is measured is the network at the end of its epoch.
    assert history["size"].iloc[-1] == float(watched[-1].weight.detach().norm())
    assert history.noisy.iloc[-1] == error_rate(
        watched, digits.x_test[:50], digits.y_test[:50], 2, rng=0
    )
    assert history["size"].nunique() == 3


@pytest.mark.parametrize("build", ["nsm", "normalized"])
def test_a_resumed_run_has_measured_all_epochs_and_keeps_running_statistics(
    build, digits, tmp_path, monkeypatch
):
    start = normalized if build == "normalized" else fresh
    unbroken, resumed, path = start(), start(), tmp_path / "run.safetensors"
    options = {"ema_decay": 0.9, "measure": size_and_error(digits)}
    expected = trained(unbroken, digits, **options)
    write = nsm.training.state.write_tensors

    def write_and_die(*arguments):
        write(*arguments)
        raise Killed

    for _ in range(2):  # killed after every epoch but the last
        monkeypatch.setattr(nsm.training.state, "write_tensors", write_and_die)
        with pytest.raises(Killed):
            trained(start(), digits, checkpoint=path, **options)
        monkeypatch.undo()
    history = trained(resumed, digits, checkpoint=path, **options)
    assert history.equals(expected)
    assert_same_weights(resumed, unbroken)
