"""The table of experiments: names, published numbers, recipes, and shapes of networks."""

import math

import pytest
import torch

import nsm
from nsm.datasets.registry import LOADERS, class_count, image_shape
from nsm.paper.measure import MEASUREMENTS
from nsm.paper.run import find_experiments
from nsm.paper.table import EXPERIMENTS


def test_every_experiment_has_a_unique_name_a_known_measurement_and_known_data():
    names = [e.name for e in EXPERIMENTS]
    assert len(names) == len(set(names))
    for e in EXPERIMENTS:
        assert e.measures in MEASUREMENTS, e.name
        assert e.data in LOADERS, e.name
        assert e.seeds, e.name
        assert len(e.seeds) == len(set(e.seeds)), e.name
        assert e.samples >= 1
        assert (e.epochs >= 1) == (e.measures != "percentiles"), e.name


def test_the_table_holds_the_published_errors():
    # Detorakis et al. 2019, Tables 1 to 4; BinConcrete in the supplement, 4.11.
    published = {
        "mlp_nsm": 1.36,
        "mlp_stnn": 1.47,
        "conv_bNSM": 0.775,
        "conv_gNSM": 0.805,
        "conv_dCNN": 0.880,
        "conv_BN": 1.10,
        "conv_SN": 2.05,
        "conv_STE": 2.13,
        "conv_wBD": 2.72,
        "conv_BD": 3.11,
        "conv_BinConcrete": 0.78,
        "emnist_bNSM": 6.185,
        "emnist_gNSM": 6.256,
        "emnist_dCNN": 6.938,
        "cifar10_bNSM": 9.98,
        "cifar10_gNSM": 10.35,
        "cifar10_dCNN": 10.47,
        "cifar100_bNSM": 34.85,
        "cifar100_gNSM": 34.84,
        "cifar100_dCNN": 34.37,
        "dvs_bNSM": 8.56,
        "dvs_gNSM": 8.83,
        "dvs_dCNN": 9.16,
    }
    stated = {e.name: e.paper for e in EXPERIMENTS if e.paper is not None}
    assert stated.pop("conv_bNSM_longer") == published["conv_bNSM"]
    for name in [n for n in stated if n.startswith("coded_")]:
        assert stated.pop(name) == published[name.replace("coded", "conv").removesuffix("_longer")]
    assert stated == published


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_every_network_maps_its_images_to_its_classes(experiment):
    torch.manual_seed(0)
    model = experiment.build().eval()
    with torch.no_grad():
        out = model(torch.full((1, math.prod(image_shape(experiment.data))), 0.5))
    assert out.shape == (1, class_count(experiment.data))
    noisy = any(
        isinstance(m, nsm.nn.stochastic.Stochastic) and not isinstance(m, nsm.Binarize)
        for m in model
    )
    one_pass = not noisy or experiment.name.endswith(
        "_SN"
    )  # the authors' SN is tested on one sample
    if experiment.measures == "error" and not experiment.name.endswith("_BN"):
        assert experiment.samples in ((1,) if one_pass else (20, 100))


def test_experiments_are_found_by_name():
    assert [e.name for e in find_experiments(["figure2", "mlp_nsm"])] == ["figure2", "mlp_nsm"]
    assert find_experiments(["dvs_bNSM"])[
        0
    ].gpu  # an experiment that is named is run even without a GPU
    # Two runs of one name would write the same file.
    assert len(find_experiments(["mlp_nsm", "mlp_nsm"])) == 1
    with pytest.raises(
        ValueError, match="unknown experiment or group 'conv_bNMS'; did you mean 'conv_bNSM'"
    ):
        find_experiments(["conv_bNMS"])


def test_recipes_are_those_that_the_report_describes():
    plain = {"lr": 1e-3, "ema_decay": 0.999}
    for e in EXPERIMENTS:
        if e.measures == "perceptron":
            assert e.recipe == {**plain, "label_smoothing": 0.1}, e.name
        elif e.name.startswith("coded"):
            assert e.recipe == {"lr": 3e-4, "lr_schedule": "halving"}, e.name
        elif e.name.startswith(("conv", "emnist", "dvs")):
            assert e.recipe == plain, e.name
