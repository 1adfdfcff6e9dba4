"""Rules of learning on small chips: what they do to cells, and runs that resume bit for bit."""

import importlib

import numpy as np
import pytest
import torch

import crossbar
import devices
import nsm
from nsm.learning import (
    Coincidences,
    Gradient,
    MixedPrecision,
    Rounding,
    TikiTaka,
    learn,
    learn_on_devices,
)
from nsm.learning.measure import measure as measure_of
from tests.helpers.learning import blobs, chip_of, weights_of

RULES = [MixedPrecision(), Coincidences(), TikiTaka(every=1), Rounding()]


def learned_twice(rule, tmp_path, **options):
    """Return the chip of one whole run, and that of a run that was stopped and resumed."""
    x, y = blobs(40)
    whole = chip_of("nsm", noisy=True)
    one = learn(whole, x, y, epochs=2, rng=3, rule=rule, progress=False, **options)
    file = tmp_path / "learning.safetensors"
    stopped = chip_of("nsm", noisy=True)
    arguments = {"epochs": 2, "rng": 3, "rule": rule, "progress": False, **options}

    class Killed(Exception):
        pass

    original = measure_of

    def measure(run, validation):
        if run.done > len(x):
            raise Killed
        return original(run, validation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("nsm.learning.learn"), "measure", measure)
        with pytest.raises(Killed):
            learn(stopped, x, y, checkpoint=file, **arguments)
    resumed = chip_of("nsm", noisy=True)
    two = learn(resumed, x, y, checkpoint=file, **arguments)
    return (whole, one), (resumed, two)


@pytest.mark.parametrize(
    ("rule", "batch"), [*((rule, 1) for rule in RULES), (MixedPrecision(), 3)], ids=repr
)
def test_a_run_that_was_killed_resumes_bit_for_bit(rule, batch, tmp_path):
    (whole, one), (resumed, two) = learned_twice(rule, tmp_path, batch=batch)
    for ours, theirs in zip(weights_of(whole), weights_of(resumed), strict=True):
        assert (ours == theirs).all()
    assert one.rows.equals(two.rows)
    assert one.arrays.equals(two.arrays)


def test_the_same_seed_gives_the_same_chip_with_any_number_of_threads():
    x, y = blobs(60)
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with crossbar.threads.threads(threads):
            chip = chip_of("nsm", noisy=True)
            learn(chip, x, y, epochs=1, rng=5, rule=Coincidences(), progress=False)
        found.append(weights_of(chip))
    for one, other in zip(*found, strict=True):
        assert (one == other).all()
    chip = chip_of("nsm", noisy=True)
    learn(chip, x, y, epochs=1, rng=6, rule=Coincidences(), progress=False)
    assert not all((a == b).all() for a, b in zip(found[0], weights_of(chip), strict=True))


@pytest.mark.parametrize("kind", ["nsm", "relu", "bd", "stnn"])
def test_networks_learn_to_separate_classes(kind):
    x, y = blobs(400)
    chip = chip_of(kind)
    before = chip.error_rate(x, y, samples=5, rng=0)
    rule = MixedPrecision(lr=0.5)
    learned = learn(chip, x, y, epochs=3, rng=0, rule=rule, validation=(x, y), progress=False)
    assert before > 0.4
    assert learned.error < 0.1
    assert chip.error_rate(x, y, samples=5, rng=0) < 0.1
    assert learned.rows["samples"].tolist() == [400, 800, 1200]


def test_rounding_of_small_gradients_changes_no_cell():
    x, y = blobs(50)
    chip = chip_of("nsm")
    before = weights_of(chip)
    learned = learn(
        chip, x, y, epochs=1, rng=0, rule=Rounding(lr=1e-3), periphery="frozen", progress=False
    )
    assert learned.pulses == 0
    for ours, theirs in zip(before, weights_of(chip), strict=True):
        assert (ours == theirs).all()


def test_mixed_precision_on_fine_cells_is_gradient_descent_of_torch():
    # With steps of 1e-5 of the range, χ and pulses together are plain SGD on the same network.
    x, y = blobs(30)
    chip = chip_of("relu", step=1e-5)
    model = chip.model
    double = torch.nn.Sequential(*model).double().requires_grad_(True)
    rate = 0.05
    layers = [m for m in double if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        for layer in layers:
            layer.weight *= 0.5  # the reprogrammed scale of the chip
            layer.bias *= 0.5
    order = nsm_order(seed=0, images=30)
    for i in order:
        loss = torch.nn.functional.cross_entropy(
            double(torch.as_tensor(x[i : i + 1])), torch.as_tensor(y[i : i + 1])
        )
        double.zero_grad()
        loss.backward()
        with torch.no_grad():
            for layer in layers:
                layer.weight -= rate * layer.weight.grad
    learn(
        chip,
        x,
        y,
        epochs=1,
        rng=0,
        progress=False,
        periphery="frozen",
        rule=MixedPrecision(lr=rate, lr_per="weight", center=False),
    )
    for layer, weights in zip(layers, weights_of(chip), strict=True):
        wanted = layer.weight.detach().numpy()
        np.testing.assert_allclose(weights, wanted, atol=1e-3 * np.abs(wanted).max())


def nsm_order(seed, images):
    from devices.seeding import seed_sequence, stream
    from nsm.learning.draws import Stream

    return stream(seed_sequence(seed), Stream.ORDER, 0).permutation(images)


def test_tiki_taka_moves_the_weights_through_a_second_array():
    x, y = blobs(400)
    chip = chip_of("nsm", step=0.02)
    learned = learn(
        chip,
        x,
        y,
        epochs=3,
        rng=0,
        rule=TikiTaka(lr=1.0, transfer=1.0, every=1),
        validation=(x, y),
        progress=False,
    )
    assert learned.error < 0.15
    fast = learned.arrays[learned.arrays["array"] == "fast"]
    main = learned.arrays[learned.arrays["array"] == "main"]
    assert len(fast) == len(main) == 2
    assert fast["pulses_up"].sum() > 0
    assert main["pulses_up"].sum() > 0


def test_a_path_of_its_own_drifts_apart_unless_it_is_rewritten():
    x, y = blobs(300)
    errors = {}
    for path in ("pulsed", "rewritten"):
        chip = chip_of("nsm", noisy=True, deterministic_path="programmed")
        learned = learn(
            chip,
            x,
            y,
            epochs=2,
            rng=0,
            rule=MixedPrecision(lr=0.5),
            path=path,
            progress=False,
            **({"rewrite_every": 50} if path == "rewritten" else {}),
        )
        errors[path] = learned.rows["path_error"].iloc[-1]
        writes = learned.arrays.set_index(["layer", "array"])["writes"]
        assert (writes[0, "path"] > 0) == (path == "rewritten")
    assert errors["pulsed"] > 2 * errors["rewritten"]
    assert np.isfinite(list(errors.values())).all()


def test_lines_that_hardly_change_get_no_pulses():
    x, y = blobs(200)
    x[:, 3] = 0.9
    x[:2, 3] = 0.1
    chip = chip_of("nsm")
    before = weights_of(chip)[0]
    learned = learn(
        chip, x, y, epochs=1, rng=0, rule=MixedPrecision(lr=0.5), leave_out=0.05, progress=False
    )
    assert learned.left_out == 1
    changed = (np.abs(weights_of(chip)[0] - before) > 1e-5).any(axis=0)
    assert not changed[3]
    assert changed.sum() > 10


def test_an_aged_chip_with_new_faults_learns_again():
    x, y = blobs(400)
    chip = chip_of("nsm", retention=devices.PowerLawDrift(nu_mean=0.05, nu_std=0.03))
    learn(chip, x, y, epochs=2, rng=0, rule=MixedPrecision(lr=0.5), progress=False)
    chip.age(1e7)
    chip.scale_conductances(0.3)
    chip.fail(devices.StuckCells(p_stuck_lrs=0.1, p_stuck_hrs=0.1), rng=1)
    aged = chip.error_rate(x, y, samples=5, rng=0)
    learned = learn(
        chip, x, y, epochs=1, rng=2, rule=MixedPrecision(lr=0.5), validation=(x, y), progress=False
    )
    assert aged > 1.5 * learned.error + 0.02
    assert learned.error < 0.12
    assert learned.arrays["stuck"].sum() > 0
    with pytest.raises(ValueError, match="faults"):
        chip.fail("everything", rng=0)


def test_the_energy_is_counted_from_pulses():
    x, y = blobs(50)
    chip = chip_of("nsm")
    pulses = devices.WritePulses(voltage_up=2.0, width_up=1e-7, voltage_down=-1.0, width_down=2e-7)
    learned = learn(
        chip, x, y, epochs=1, rng=0, rule=MixedPrecision(lr=0.5), pulses=pulses, progress=False
    )
    up, down = learned.arrays["pulses_up"].sum(), learned.arrays["pulses_down"].sum()
    assert learned.time == pytest.approx(up * 1e-7 + down * 2e-7)
    # Every pulse met a conductance between the ends of the range, 1 and 100 µS.
    least = 1e-6 * (up * 4 * 1e-7 + down * 1 * 2e-7)
    assert least < learned.energy < 100 * least
    unknown = learn(chip_of("nsm"), x, y, epochs=1, rng=0, progress=False)
    assert np.isnan(unknown.energy)
    assert str(unknown).startswith(f"50 samples: {unknown.pulses} pulses, at most ")
    assert (
        "give the argument pulses=devices.WritePulses"
        in unknown.arrays["why energy unknown"].iloc[0]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "sgd"}, "rule = 'sgd' is no learning rule"),
        ({"epochs": 0}, "epochs = 0"),
        ({"batch": 0}, "batch = 0"),
        ({"path": "copied"}, "unknown path 'copied'"),
        ({"pair": "down"}, "unknown pair 'down'"),
        ({"periphery": "free"}, "unknown periphery 'free'"),
        ({"leave_out": 1.0}, "leave_out = 1"),
        (
            {"rule": Coincidences(), "gradient": Gradient(radial=True)},
            r"Gradient\.radial = True has no effect",
        ),
    ],
)
def test_wrong_options_are_refused_by_name(options, message):
    x, y = blobs(10)
    arguments = {"epochs": 1, "rng": 0, "progress": False, **options}
    with pytest.raises(ValueError, match=message):
        learn(chip_of("nsm"), x, y, **arguments)


def test_networks_and_hardware_that_cannot_learn_are_refused_by_name():
    x, y = blobs(10)
    conv = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8, 3)
    )
    hardware = chip_of("relu").origin.hardware
    image = np.zeros((10, 1, 4, 4))
    chip = nsm.map_to_crossbar(conv, hardware, rng=0, example=image)
    with pytest.raises(ValueError, match="is a convolution"):
        learn(chip, image, y, epochs=1, rng=0, progress=False)
    skip = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    chip = nsm.map_to_crossbar(skip, hardware, rng=0, example=x)
    with pytest.raises(ValueError, match=r"^only perceptrons learn on .* has layer 1 \(Tanh\)$"):
        learn(chip, x, y, epochs=1, rng=0, progress=False)
    table = {"0": hardware, "*": None}
    chip = nsm.map_to_crossbar(nsm.relu_mlp((16, 8, 3)), table, rng=0)
    with pytest.raises(ValueError, match=r"the table of hardware leaves digital \(None\)"):
        learn(chip, x, y, epochs=1, rng=0, progress=False)
    for fields, message in (
        ({"adc": crossbar.Adc(8)}, "adc = Adc"),
        ({"gate_sharing": "cell"}, "gate_sharing = 'cell'"),
        (
            {"read_noise": devices.LognormalNoise(0.1)},
            r"device\.read_noise = LognormalNoise\(sigma=0\.1\), and reads of learning draw only",
        ),
        (
            {
                "read_noise": devices.GaussianNoise(0.1),
                "mapping": crossbar.ReferenceColumn(),
            },
            r"with mapping = ReferenceColumn\(.*\): outputs share the noise",
        ),
        (
            {"pulses": devices.SoftBoundsPulses(step=0.1, g_min=1e-5, g_max=1e-4)},
            r"g_min = .* are not within the range of device\.pulses, 1e-05 to 0\.0001 S",
        ),
        ({"pulses": None}, r"device\.pulses = None"),
    ):
        with pytest.raises(ValueError, match=message):
            learn(chip_of("nsm", **fields), x, y, epochs=1, rng=0, progress=False)


def test_tiki_taka_refuses_cells_with_read_noise():
    x, y = blobs(10)
    chip = chip_of("nsm", read_noise=devices.GaussianNoise(0.1))
    message = r"read_noise = GaussianNoise\(sigma=0\.1\), and TikiTaka reads its fast array"
    with pytest.raises(ValueError, match=message):
        learn(chip, x, y, epochs=1, rng=0, rule=TikiTaka(), progress=False)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    x, y = blobs(10)
    file = tmp_path / "a.safetensors"
    learn(chip_of("nsm"), x, y, epochs=1, rng=0, checkpoint=file, progress=False)
    with pytest.raises(ValueError, match=r"another run of learning \(it differs in rule\)"):
        learn(
            chip_of("nsm"), x, y, epochs=1, rng=0, rule=Rounding(), checkpoint=file, progress=False
        )


def test_devices_learn_beside_each_other_and_unknown_ones_are_refused_first():
    x, y = blobs(100)
    hardware = chip_of("nsm").origin.hardware
    torch.manual_seed(0)
    model = nsm.nsm_mlp((16, 12, 3))
    rows = learn_on_devices(
        model,
        hardware,
        ["fefet_jerry2017", "rpu_gokmen2016"],
        x,
        y,
        rng=0,
        epochs=1,
        progress=False,
        validation=(x, y),
    )
    assert rows["device"].tolist() == ["fefet_jerry2017", "rpu_gokmen2016"]
    assert (rows["pulses"] > 0).all()
    assert np.isnan(rows["energy [J]"]).all()
    with pytest.raises(ValueError, match="device 'pcm_nandakumar2019' has no .* of fefet_jerry"):
        learn_on_devices(
            model, hardware, ["fefet_jerry2017", "pcm_nandakumar2019"], x, y, rng=0, epochs=1
        )


def test_widened_networks_compute_the_same_in_a_larger_range():
    from nsm.learning import widened

    x, _ = blobs(5)
    torch.manual_seed(0)
    model = nsm.relu_mlp((16, 12, 3))
    hardware = chip_of("relu").origin.hardware
    chip = nsm.map_to_crossbar(widened(model, 4.0), hardware, rng=0, reprogrammed_scale=0.25)
    with torch.no_grad():
        wanted = model(torch.as_tensor(x, dtype=torch.float32)).numpy()
    found = chip.sample(x, 1, rng=0)[0]
    assert np.abs(chip.layers[0].neurons.main.weights).max() == pytest.approx(
        float(model[0].weight.detach().abs().max()), rel=1e-5
    )
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    with pytest.raises(ValueError, match=r"factor = 0\.5"):
        widened(model, 0.5)


def test_what_was_learned_and_what_failed_is_kept_in_the_file_of_a_chip(tmp_path):
    x, y = blobs(60)
    chip = chip_of("nsm", noisy=True)
    learn(chip, x, y, epochs=1, rng=0, progress=False)
    chip.fail(devices.StuckCells(p_stuck_hrs=0.2), rng=1)
    chip.save(tmp_path / "chip.safetensors")
    loaded = nsm.load_chip(tmp_path / "chip.safetensors")
    assert (chip.sample(x, 2, rng=0) == loaded.sample(x, 2, rng=0)).all()
    one, other = (learn(c, x, y, epochs=1, rng=2, progress=False) for c in (chip, loaded))
    assert one.arrays["stuck"].sum() > 50
    assert one.arrays.equals(other.arrays)
    for ours, theirs in zip(weights_of(chip), weights_of(loaded), strict=True):
        assert (ours == theirs).all()


def test_one_way_pulses_learn_with_refreshes_of_full_pairs():
    x, y = blobs(400)
    chip = chip_of("nsm", mapping=crossbar.DifferentialPair())
    learned = learn(
        chip,
        x,
        y,
        epochs=3,
        rng=0,
        pair="up",
        refresh_every=50,
        refresh_above=0.5,
        validation=(x, y),
        progress=False,
    )
    assert learned.arrays["pulses_down"].sum() == 0
    assert learned.rows["writes"].iloc[-1] > 0
    assert learned.error < 0.15


def test_bias_word_lines_learn_as_cells():
    x, y = blobs(200)
    chip = chip_of("nsm", bias="word_line", deterministic_path="programmed")
    before = chip.layers[0].neurons.bias_lines.weights
    learned = learn(chip, x, y, epochs=2, rng=0, validation=(x, y), progress=False)
    assert "bias" in set(learned.arrays["array"])
    assert np.abs(chip.layers[0].neurons.bias_lines.weights - before).max() > 1e-4
    assert learned.error < 0.15


def test_an_ideal_path_follows_the_main_array_of_an_aged_chip_from_the_first_sample_on():
    x, y = blobs(10)
    chip = chip_of("nsm", retention=devices.PowerLawDrift(nu_mean=0.05, nu_std=0.03))
    chip.age(1e7)
    chip.fail(devices.StuckCells(p_stuck_lrs=0.1, p_stuck_hrs=0.1), rng=1)
    neurons = chip.layers[0].neurons
    assert np.abs(neurons.deterministic_path.weights - neurons.main.weights).max() > 0.1
    wanted = neurons.main.weights
    # Without pulses the path takes the weights of today, and the main array keeps them.
    learn(chip, x, y, epochs=1, rng=0, rule=Rounding(lr=1e-9), progress=False)
    np.testing.assert_array_equal(neurons.main.weights, wanted)
    np.testing.assert_allclose(neurons.deterministic_path.weights, wanted, atol=1e-12)


@pytest.mark.parametrize("path", ["ideal", "programmed"])
def test_the_chip_computes_what_was_learned_with_either_path(path):
    x, y = blobs(300)
    chip = chip_of("nsm", deterministic_path=path)
    learn(chip, x, y, epochs=1, rng=0, progress=False)
    neurons = chip.layers[0].neurons
    assert neurons.a.any()
    np.testing.assert_allclose(neurons.deterministic_path.weights, neurons.main.weights, atol=1e-6)


def test_a_compensated_chip_learns_with_its_factors():
    x, y = blobs(400)
    chip = chip_of("relu")
    rule = MixedPrecision(lr=0.05, lr_per="weight", lr_schedule="cosine")
    learn(chip, x, y, epochs=2, rng=0, rule=rule, progress=False)
    wanted = chip.sample(x[:20], 1, rng=0)[0]
    chip.scale_conductances(0.25)
    chip.compensate("layer")
    np.testing.assert_allclose(chip.sample(x[:20], 1, rng=0)[0], wanted, rtol=1e-3, atol=1e-3)
    # Without pulses the chip must compute what it has computed, factors and thresholds included.
    learn(chip, x, y, epochs=1, rng=0, rule=Rounding(lr=1e-9), periphery="frozen", progress=False)
    np.testing.assert_allclose(chip.sample(x[:20], 1, rng=0)[0], wanted, rtol=1e-3, atol=1e-3)
    learned = learn(chip, x, y, epochs=1, rng=1, rule=rule, validation=(x, y), progress=False)
    assert learned.error < 0.05
    assert learned.rows["online_error"].iloc[-1] < 0.1


def test_a_setting_that_there_is_not_is_refused_by_name():
    x, y = blobs(8)
    with pytest.raises(ValueError, match=r"unknown setting of learn 'refresh_evry'.*refresh_every"):
        learn(chip_of("nsm"), x, y, epochs=1, rng=0, progress=False, refresh_evry=10)
