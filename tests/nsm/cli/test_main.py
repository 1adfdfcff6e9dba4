"""The commands: their help, their errors in one line with status 2, and their work."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import typer.main

import nsm.cli.main
import nsm.cli.options
from nsm import load
from nsm.cli.networks import OPTION_VALUES, RULE_OPTIONS, NetworkChoice
from nsm.cli.training import LR_SCHEDULES
from nsm.datasets import class_count, image_shape
from nsm.nn.architectures import RULES
from nsm.nn.files.tensor_file import read_tensors
from nsm.nn.neural_sampling import BETAS, SITES
from nsm.sweeps import read_rows
from nsm.sweeps.spec.sweep_file import SAMPLE
from nsm.training.recipe import SCHEDULES

GROUP = typer.main.get_command(nsm.cli.main.app)
COMMANDS = [
    "train",
    "map",
    "fit",
    "learn",
    "tolerance",
    "sweep",
    "merge",
    "plot",
    "report",
    "demo",
    "presets",
]


def test_the_commands_are_those_of_the_readme():
    assert sorted(GROUP.commands) == sorted(COMMANDS)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_explains_and_shows_an_example(command, run):
    status, out, _ = run(f"{command} --help")
    assert status == 0
    assert f"Example: nsm {command}".rstrip() in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command):
    silent = [
        p.name
        for p in GROUP.commands[command].params
        if p.name != "help" and not getattr(p, "help", None)
    ]
    assert silent == []


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_use_options_that_exist(command):
    known = {o for p in GROUP.commands[command].params for o in p.opts}
    for example in GROUP.commands[command].epilog.removeprefix("Example: ").split(";"):
        words = shlex.split(example.split(">")[0])
        assert words[:2] == ["nsm", command]
        assert {w for w in words if w.startswith("--")} <= known


def test_no_command_shows_the_help(run):
    _, out, err = run("")
    assert "train" in out + err
    assert "demo" in out + err


def test_the_installed_command_ends_in_one_line_and_status_2(tmp_path):
    done = subprocess.run(
        [Path(sys.executable).parent / "nsm", "sweep", "none.toml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == "nsm: no sweep file none.toml; `nsm sweep --example` prints one to start from\n"
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train --out a.safetensors --network nms", "unknown network 'nms'; did you mean 'nsm'?"),
        (
            "train --out a.safetensors --data minst",
            "unknown data set 'minst'; did you mean 'mnist'?",
        ),
        (
            "train --out no/a.safetensors",
            "cannot write no/a.safetensors: the folder no does not exist",
        ),
        (
            "train --out a.safetensors --hidden 30,x",
            "--hidden '30,x' is not a list of widths; write e.g. --hidden 300",
        ),
        ("train --out a.safetensors --hidden 0", "width = 0 is not allowed"),
        ("train --out a.safetensors --lr 0", "lr = 0.0 is not allowed"),
        ("train --out a.safetensors --beta fixed", "unknown beta 'fixed'"),
        (
            "map smal.safetensors",
            "no network 'smal.safetensors': no such file, and the shipped ones are",
        ),
        (
            "map small.safetensors --device fefet_jerry",
            "unknown device preset 'fefet_jerry'; did you mean 'fefet_jerry2017'?",
        ),
        ("map small.safetensors --gate bernoulli", "unknown gate 'bernoulli'"),
        (
            "map small.safetensors --set device.level=3",
            "unknown hardware key 'device.level'; did you mean 'device.levels'",
        ),
        (
            "map small.safetensors --set device.levels",
            "--set 'device.levels' has no value; write --set PATH=VALUE",
        ),
        (
            "map small.safetensors --set compensate_wires=flase",
            "compensate_wires = 'flase' is not allowed; give true or false",
        ),
        (
            "map small.safetensors --set 'device.read_noise={kind=\"gausian\",sigma=0.1}'",
            "unknown kind of device.read_noise 'gausian'; did you mean 'gaussian_noise'",
        ),
        (
            "map small.safetensors --set gate.p=0.3 --set gate.p=0.4",
            "--set gate.p is given twice; leave one out",
        ),
        (
            "map small.safetensors --set 3:layer=digitl",
            "unknown layer of '3' 'digitl'; did you mean 'digital'",
        ),
        (
            "map small.safetensors --set head:layer=digital",
            "unknown layer in the hardware table 'head'",
        ),
        ("map no_module:net", "no module 'no_module' for 'no_module:net'"),
        (
            "map small.safetensors --set deterministic_path=none",
            'layer 1 (NSMLinear): deterministic_path = "none" needs a_i = 0',
        ),
        ("sweep", "which sweep? give a file; `nsm sweep --example` prints one to start from"),
        ("plot none.csv --x gain --out a.png", "no file none.csv"),
        ("plot levels.toml --x gain --out a.bmp", "unknown figure format '.bmp'"),
        (
            "plot levels.toml --x gain --out no/a.png",
            "cannot write no/a.png: the folder no does not exist",
        ),
        ("plot levels.toml --x gain --out a.png", "levels.toml is not a CSV of sweep rows"),
        ("report none.csv", "no file none.csv"),
        ("report levels.toml", "levels.toml is not a CSV of sweep rows"),
        ("report levels.toml --out a.pdf", "cannot write a page to a.pdf: its name must end in"),
        ("report levels.toml --out no/a.html", "cannot write no/a.html: the folder no does not"),
        (
            "presets show fefet_jery2017",
            "unknown preset 'fefet_jery2017'; did you mean 'fefet_jerry2017'?",
        ),
    ],
)
def test_what_goes_wrong_is_one_line_and_status_2(line, message, run, folder):
    status, out, err = run(line)
    assert (status, out) == (2, "")
    assert err.startswith("nsm: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "line", ["train", "demo --workers 0", "sweep a.toml --seed -1", "train --out a --nonsense"]
)
def test_wrong_usage_is_status_2_too(line, run, folder):
    assert run(line)[0] == 2


def test_train_writes_a_network_and_says_how_good_it_is(run, folder):
    line = "train --out {} --hidden 20,15 --epochs 1 --samples 2 --threads 1 --seed 3"
    status, out, _ = run(line.format("one.safetensors"))
    assert status == 0
    assert "one.safetensors: test error " in out
    assert "on 450 images, 2 samples, in software" in out
    model = load("one.safetensors")
    assert [tuple(m.weight.shape) for m in model[1:]] == [(20, 64), (15, 20), (10, 15)]
    assert read_tensors("one.safetensors")[1]["note"] == "nsm " + line.format("one.safetensors")
    run(line.format("two.safetensors"))
    for a, b in zip(
        model.state_dict().values(), load("two.safetensors").state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)


def test_train_for_chips_tells_the_error_on_one_and_trains_another_network(run, folder):
    line = "train --out {} --hidden 20 --epochs 1 --samples 2 --threads 1 {}"
    _, plain, _ = run(line.format("plain.safetensors", ""))
    assert "on a chip" not in plain
    chips = "--device rram_wu2018 --set device.levels=2 --set weight_range=least_squares"
    status, out, err = run(line.format("chips.safetensors", chips))
    assert status == 0, err
    assert "in software" in out
    assert re.search(r"chips.safetensors: test error [\d.]+% on a chip of that hardware", out)
    weights = [load(f"{name}.safetensors")[1].weight for name in ("plain", "chips")]
    assert not torch.equal(*weights)


def test_train_keeps_weights_in_bounds_and_solves_wires_as_often_as_asked(run, folder):
    line = (
        "train --out a.safetensors --hidden 9 --epochs 1 --samples 1 --threads 1 "
        "--weight-bound 0.5 --device rram_wu2018 --set wires.r_row=5 --set wires.r_col=5 "
        "--wires-every 3 --checkpoint run.safetensors"
    )
    status, _, err = run(line)
    assert status == 0, err
    recipe = json.loads(read_tensors("run.safetensors")[1]["training"])["recipe"]
    assert (recipe["wires_every"], recipe["weight_bound"]) == (3, 0.5)
    weight = load("a.safetensors")[1].weight
    assert 0.4 / 8 < float(weight.detach().abs().max()) <= 0.5 / 8  # 64 inputs


@pytest.mark.parametrize(
    ("options", "layer"),
    [
        ("--network relu", "Linear(in_features=64, out_features=9, bias=True)"),
        ("--network stnn", "SigmoidLinear(64, 9)"),
        (
            "--beta native --site neuron --init --flip 0.1 --ema-decay 0.9",
            "site='neuron', beta='native')",
        ),
    ],
)
def test_train_builds_the_network_asked_for(options, layer, run, folder):
    assert (
        run(f"train --out a.safetensors --hidden 9 --epochs 1 --samples 1 --threads 1 {options}")[0]
        == 0
    )
    assert layer in repr(load("a.safetensors"))


def test_train_takes_a_schedule_a_batch_size_and_changes_of_images(run, folder):
    line = (
        "train --out a.safetensors --hidden 9 --epochs 1 --samples 1 --threads 1 "
        "--checkpoint run.safetensors"
    )
    assert run(f"{line} --lr-schedule halving --batch-size 200 --shift 1 --mirror")[0] == 0
    recipe = json.loads(read_tensors("run.safetensors")[1]["training"])["recipe"]
    assert recipe["lr_schedule"] == "halving"
    assert recipe["batch_size"] == 200
    assert recipe["augment"] == "ShiftAndMirror(shape=(1, 8, 8), shift=1, mirror=True)"
    status, _, err = run(line)
    assert status == 2
    assert "is of another training (it differs in augment, batch_size, lr_schedule)" in err
    status, _, err = run(f"{line} --lr-schedule halved")
    assert status == 2
    assert "unknown lr_schedule 'halved'; did you mean 'halving'" in err


@pytest.mark.parametrize(
    ("option", "file", "why"),
    [
        ("--out", "here", "it is a folder"),
        ("--out", "nowhere/a.safetensors", "the folder nowhere does not exist; create it first"),
        ("--out a.safetensors --checkpoint", "nowhere/c", "the folder nowhere does not exist"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_any_training(
    option, file, why, run, folder, monkeypatch
):
    monkeypatch.setattr("nsm.training.fit.fit", lambda *_, **__: pytest.fail("it trains"))
    Path("here").mkdir()
    status, _, err = run(f"train --epochs 1 {option} {file}")
    assert status == 2
    assert f"cannot write {file}: {why}" in err


def test_train_says_where_it_can_run(run, folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, message in (
        ("cuda", "torch finds no GPU here; leave it out"),
        ("gpu", "unknown torch device 'gpu'"),
    ):
        status, _, err = run(f"train --out a.safetensors --torch-device {name}")
        assert status == 2
        assert message in err


def test_train_halves_and_resumes(run, folder):
    line = (
        "train --out a.safetensors --hidden 9 --epochs 2 --samples 1 --threads 1 --half "
        "--checkpoint run.safetensors"
    )
    assert run(line)[0] == 0
    tensors, _ = read_tensors("a.safetensors")
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    assert run(line)[0] == 0
    status, _, err = run(line.replace("--epochs 2", "--epochs 3"))
    assert status == 2
    assert "is of another training (it differs in epochs)" in err


def test_map_reports_a_chip_and_leaves_its_pictures(run, folder):
    line = (
        "map small.safetensors --images 30 --samples 2 --threads 1 --out chip "
        "--set device.levels=4 --set tile_shape=32,32"
    )
    status, out, _ = run(line)
    assert status == 0
    assert "test error" in out
    assert "on 30 images, 2 samples; in software: " in out
    report = pd.read_csv("chip/report.csv")
    assert report.layer[report["where"] == "tiles"].tolist() == [
        f"layer {i} ({k})" for i, k in ((1, "NSMLinear"), (2, "NSMLinear"), (3, "Linear"))
    ]
    assert (
        report.tiles[0] == 2 + 2 + 1
    )  # 64 inputs on 32 word lines, the deterministic path, the bias
    names = ("conductances", "weight_error", "firing_probability")
    assert sorted(p.name for p in Path("chip").iterdir()) == sorted(
        [
            *(f"{table}.csv" for table in ("report", "cost", "write_cost", "circuit_needs")),
            *(f"chip_{n}.png" for n in names),
        ]
    )
    cost = pd.read_csv("chip/cost.csv")
    assert cost.layer.tolist() == [*report.layer[report["where"] == "tiles"], "total per image"]
    assert cost.inputs[:3].tolist() == ["recorded"] * 3
    assert cost.reads.tolist() == [2, 2, 2, 6]  # two samples
    np.testing.assert_allclose(cost["total [J]"][:3].sum(), cost["total [J]"][3], rtol=1e-12)
    # Pulses of the FeFET's gate draw no current through its channel.
    assert pd.read_csv("chip/write_cost.csv")["total [J]"].isna().all()


def test_map_prints_the_warnings_of_the_report(run, folder):
    settings = "--set gate.sigma=0.01 --set device.write.error_factor=10"
    status, out, _ = run(
        f"map small.safetensors --images 2 --samples 1 --threads 1 --gate nsm_gaussian {settings}"
    )
    assert status == 0
    assert "warning, layer 1 (NSMLinear): the deterministic path" in out


def test_map_reads_cells_with_memory_exactly(run, folder):
    # Sampling by moments would ignore the memory and warn, and a warning fails a test.
    status, out, _ = run(
        "map small.safetensors --images 2 --samples 2 --threads 1 --device rtn_illustrative"
    )
    assert status == 0
    assert "on 2 images, 2 samples" in out


def test_sweep_resumes_and_plot_draws_its_rows(run, folder):
    status, out, _ = run("sweep levels.toml --threads 1")
    assert status == 0
    assert "4 rows in levels.csv" in out
    content = Path("levels.csv").read_bytes()
    assert run("sweep levels.toml --threads 1")[0] == 0
    assert Path("levels.csv").read_bytes() == content
    status, out, _ = run("plot levels.csv --x device.levels --group gain --out levels.svg")
    assert status == 0
    assert "drawn: levels.svg" in out
    assert b"<svg" in Path("levels.svg").read_bytes()
    status, _, err = run("plot levels.csv --x device.level --out levels.svg")
    assert status == 2
    assert "unknown column 'device.level'; did you mean 'device.levels'?" in err
    for line, message in (
        ("--x device.levels", "the rows differ in gain ("),
        ("--x device.levels --where gain", "--where 'gain' is no condition; give COLUMN=VALUE"),
        ("--x device.levels --where gian=1", "unknown column 'gian'; did you mean 'gain'"),
        ("--x device.levels --where gain=77", "no row has gain = 77; the rows have "),
        ("--x device.levels --errors symlog", "unknown error axis 'symlog'"),
        ("--x device.levels --facet gian", "unknown column 'gian'; did you mean 'gain'"),
    ):
        status, _, err = run(f"plot levels.csv {line} --out levels.svg")
        assert status == 2
        assert message in err
    gain = read_rows("levels.csv")["gain"].iloc[0]
    for line in (f"--where gain={gain:g}", "--facet gain"):
        Path("levels.svg").unlink()
        assert run(f"plot levels.csv --x device.levels {line} --out levels.svg")[0] == 0
        assert b"<svg" in Path("levels.svg").read_bytes()


def test_sweep_with_workers_and_another_seed_gives_its_own_rows(run, folder):
    assert run("sweep levels.toml --threads 1 --out one.csv")[0] == 0
    assert run("sweep levels.toml --threads 1 --out two.csv --workers 2")[0] == 0
    one, two = (read_rows(f"{n}.csv").sort_values("task") for n in ("one", "two"))
    assert one.errors.tolist() == two.errors.tolist()
    status, _, err = run("sweep levels.toml --threads 1 --out one.csv --seed 7")
    assert status == 2
    assert (
        "one.csv holds another experiment: samples, seed, sampling, calibration or until differ"
        in err
    )


def test_sweep_prints_a_file_to_start_from(run):
    assert run("sweep --example") == (0, SAMPLE, "")


def test_demo_passes_its_options_on(run, monkeypatch, tmp_path):
    asked = []

    def record(folder, **options):
        asked.append((folder, options))
        return folder / "index.html"

    monkeypatch.setattr("nsm.cli.demo.run", record)
    status, out, _ = run(f"demo --out {tmp_path} --workers 3 --seed 9 --threads 1")
    assert status == 0
    assert asked == [(tmp_path, {"workers": 3, "seed": 9})]
    assert f"done: open {tmp_path / 'index.html'}" in out.replace("\n", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--network relu --flip 0.1",
            "--flip is no option of --network relu, which takes none",
        ),
        (
            "--network stnn --beta native",
            "--beta is no option of --network stnn, which takes --flip",
        ),
        (
            "--network nsm --rule BD",
            "--rule is no option of --network nsm, which takes --beta, --site, --flip",
        ),
        ("--network bd --rule wBD", "which takes --flip; --rule is of conv, all_conv, gesture"),
        (
            "--network conv",
            "inputs are too small: nothing is left for a 5 × 5 convolution",
        ),
        ("--network conv --rule BDD", "unknown rule 'BDD'; did you mean 'BD'"),
        ("--network conv --rule BD --beta native", "--beta is no option of --network conv"),
        ("--network conv --hidden 20,20", "has one dense layer; give one width"),
        ("--network all_conv", r"takes images of (3, 32, 32), but digits has (1, 8, 8)"),
        ("--network gesture --hidden 5", "--hidden is no option of --network gesture"),
        (
            "--network relu --init",
            "--init sets β and b of neural sampling layers, and --network relu has none",
        ),
        ("--gate nsm_bernoulli", "--gate nsm_bernoulli has no effect without --device"),
        ("--set device.levels=4", "--set device.levels=4 has no effect without --device"),
        ("--wires-every 5", "--wires-every 5 has no effect without --device"),
        (
            "--device rram_wu2018 --wires-every 5",
            "--wires-every 5 has no effect: the chips have no wires; give them some (--set",
        ),
        (
            "--device rram_wu2018 --set dac.bits=4",
            "dac.bits=4 needs a range, and there is no finished chip to calibrate; add the largest "
            "input, such as --set dac.range=1",
        ),
        ("--device rram_wu2018 --set 2:dac.bits=4", "such as --set 2:dac.range=1"),
        ("--weight-bound 0", "weight_bound = 0.0 is not allowed"),
        ("--device rram_wu", "rram_wu2018"),
        (
            "--device rram_wu2018 --set adc.bits=6 --set adc.per=tile --hidden 9 --epochs 1",
            "layer 2 (Linear): adc = Adc(bits=6",
        ),
    ],
)
def test_train_refuses_options_without_use(options, message, run, folder):
    code, out, err = run(f"train --out a.safetensors {options}")
    assert code != 0
    assert message in " ".join((out + err).split())
    assert not (folder / "a.safetensors").exists()


def test_map_names_the_data_set_that_does_not_fit(run, folder):
    code, out, err = run("map mnist_mlp")
    assert code != 0
    assert (
        "mnist_mlp takes the images of digits neither as 64 values nor in the shape (1, 8, 8); "
        "choose --data" in " ".join((out + err).split())
    )


CONV = """
import torch
from torch import nn

class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(1, 2, 3)
        self.head = nn.Linear(72, 10)

    def forward(self, x):
        return self.head(self.features(x).relu().flatten(1))
"""


def test_networks_of_a_callable_are_mapped_and_swept(run, folder, monkeypatch):
    Path("conv_of_mine.py").write_text(CONV)
    monkeypatch.setattr(sys, "path", [*sys.path])
    line = "map conv_of_mine:Conv --images 3 --samples 1 --threads 1 --set gate=none "
    status, out, err = run(
        line + "--set head:layer=digital --out chip --set compensate_wires=false"
    )
    assert (status, err) == (0, "")
    assert "on 3 images, 1 samples; in software: " in out
    Path("conv.toml").write_text(
        'network = "conv_of_mine:Conv"\nimages = 3\nchips = 1\nsamples = 1\n[hardware]\n'
        'device = "fefet_jerry2017"\ngate = "none"\n[hardware.layers]\nhead = "digital"\n'
        '[axes]\n"device.levels" = [4, "none"]\n'
    )
    for workers in (2, 1):  # the second time it resumes
        assert run(f"sweep conv.toml --threads 1 --workers {workers}")[0] == 0
    rows = read_rows("conv.csv")
    assert rows.network.tolist() == ["Conv", "Conv"]
    assert run("plot conv.csv --x device.levels --out conv.svg")[0] == 0
    assert "continuous" in Path("conv.svg").read_text()
    sys.modules.pop("conv_of_mine")


def test_open_converters_are_calibrated_on_training_images(run, folder):
    line = "map small.safetensors --images 5 --samples 1 --threads 1 --set dac.bits=4"
    status, _, err = run(line)
    assert status == 2
    assert "the DAC of layer 1 (NSMLinear) has no range; add --calibrate 200" in err
    assert run(f"{line} --calibrate 20 --calibrate-method least_squares")[0] == 0
    for options, message in (
        ("--calibrate-method max", "--calibrate-method max has no effect without --calibrate"),
        ("--calibrate 9 --calibrate-method mx", "unknown method 'mx'; did you mean 'max'"),
        ("--calibrate 9999", "9999 images for the calibration are not there; the data has 1347"),
        ("--calibrate 9 --set dac.range=1", "--calibrate 9 has no effect: no converter of this"),
    ):
        status, _, err = run(f"{line} {options}")
        assert status == 2
        assert message in err
    text = Path("levels.toml").read_text().replace("[axes]", "dac = {bits = 4}\n[axes]")
    Path("dac.toml").write_text(text)
    assert "network 'small', device.levels = 4: the DAC of layer 1" in run("sweep dac.toml")[2]
    Path("dac.toml").write_text(text + '[calibrate]\nimages = 20\nmethod = "least_squares"\n')
    assert run("sweep dac.toml --threads 1")[0] == 0
    Path("dac.toml").write_text(text + "[calibrate]\nimages = 21\n")
    assert (
        "samples, seed, sampling, calibration or until differ"
        in run("sweep dac.toml --threads 1")[2]
    )


def test_the_table_of_a_chip_fits_80_columns(run, folder, monkeypatch):
    Path("conv_of_mine.py").write_text(CONV)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "80")
    nsm.cli.options.console.cache_clear()
    line = "map conv_of_mine:Conv --images 2 --samples 1 --threads 1 --set gate=none "
    out = run(line + "--set head:layer=digital")[1]
    assert " features (Conv2d) " in out
    assert "digital: head (Linear): " in out
    assert max(map(len, out.splitlines())) <= 80
    nsm.cli.options.console.cache_clear()
    assert "digital: 1 Binarize" in run("map small.safetensors --images 2 --samples 1")[1]
    sys.modules.pop("conv_of_mine")


def test_an_option_of_every_convolutional_network_builds_it():
    for name, data, options in (
        ("conv", "mnist", {"beta": "native", "flip": 0.1}),
        ("conv", "emnist", {"rule": "SN"}),
        ("all_conv", "cifar100", {"rule": "BD"}),
        ("gesture", "dvs_gesture", {"rule": "gNSM"}),
    ):
        choice = NetworkChoice(name=name, data=data, hidden=None, options=options)
        network = choice.build(image_shape(data), class_count(data))
        assert network[-1].out_features == class_count(data)


def test_the_names_of_the_command_are_those_of_the_library():
    # The command repeats them so that it can refuse a wrong one without importing torch.
    of_rules = {
        name: tuple(o for o in ("beta", "site") if o in rule.options)
        for name, rule in RULES.items()
    }
    assert of_rules == RULE_OPTIONS
    assert {"beta": BETAS, "site": SITES} == OPTION_VALUES
    assert tuple(SCHEDULES) == LR_SCHEDULES
