"""Images and labels of sweeps: of any shape that a chip takes, checked before any work."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Hardware
from devices import Device
from nsm import collect, grid, map_to_crossbar
from nsm.sweeps.data import check_settings, checked_data, few_of

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-5))
SETTINGS = {"chips": 1, "samples": 1, "rng": 0, "progress": False}


class Words(nn.Module):
    """Classes of sequences of words, which are whole numbers."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.classes = nn.Linear(4, 3)

    def forward(self, words):
        return self.classes(self.words(words).mean(dim=1))


class Two(nn.Module):
    """Classes of two inputs."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, a, b):
        return self.a(a) + self.b(b)


class Pair(nn.Linear):
    def forward(self, x):
        return super().forward(x), x


def made(build, *arguments):
    torch.manual_seed(0)
    return build(*arguments)


def uniform(*shape):
    return np.random.default_rng(0).random(shape)


LABELS = np.array([0, 1, 2, 0])
#: Networks, images and labels of every form.
FORMS = {
    "rows": lambda: (made(nn.Linear, 6, 3), uniform(4, 6), LABELS),
    "images": lambda: (
        nn.Sequential(made(nn.Conv2d, 1, 2, 3), nn.Flatten(), made(nn.Linear, 8, 3)),
        uniform(4, 1, 4, 4),
        LABELS,
    ),
    "bytes": lambda: (
        nn.Sequential(made(nn.Conv1d, 2, 3, 2), nn.Flatten(), nn.Linear(6, 3)),
        (255 * uniform(4, 2, 3)).astype(np.uint8),
        LABELS,
    ),
    "tensors": lambda: (
        made(nn.Linear, 6, 3),
        torch.as_tensor(uniform(4, 6)).bfloat16(),
        torch.as_tensor(LABELS),
    ),
    "double": lambda: (made(nn.Linear, 6, 3).double(), uniform(4, 6), LABELS),
    "one image": lambda: (made(nn.Linear, 6, 3), uniform(1, 6), LABELS[:1]),
    "words": lambda: (made(Words), np.random.default_rng(0).integers(5, size=(4, 7)), LABELS),
    "two inputs": lambda: (made(Two), (uniform(4, 4), uniform(4, 2)), LABELS),
    "segmentation": lambda: (
        made(nn.Conv2d, 1, 3, 3),
        uniform(4, 1, 4, 5),
        np.random.default_rng(0).integers(3, size=(4, 2, 3)),
    ),
}


@pytest.mark.filterwarnings("ignore:images are whole numbers")  # as they are in "bytes"
@pytest.mark.parametrize("form", FORMS)
def test_a_sweep_counts_the_errors_of_the_chip(form):
    model, x, y = FORMS[form]()
    rows = collect(grid(model, HARDWARE, {"gain": [1.0]}), x, y, **SETTINGS)
    seed = int(rows.seed[0])
    example = x if isinstance(x, tuple) else x[:2]
    if form == "bytes":
        example = example.astype(float)
    chip = map_to_crossbar(model, HARDWARE, rng=seed, example=example)
    images = x.double() if isinstance(x, torch.Tensor) else x
    assert rows.errors[0] == chip.errors(images, np.asarray(y), 1, rng=seed)
    assert rows.images[0] == np.asarray(y).size


def refused(model, x, y, hardware=HARDWARE):
    return checked_data(grid({"mine": model}, hardware, {"gain": [1.0]}), x, y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: (nn.Linear(6, 3), uniform(4, 6), LABELS + 1),
            "network 'mine': labels go from 1 to 3; the network has 3 classes, 0 to 2",
        ),
        (
            lambda: (nn.Linear(6, 3), uniform(4, 6), LABELS - 1),
            "labels go from -1 to 1; class numbers start at 0",
        ),
        (
            lambda: (nn.Linear(6, 3), uniform(4, 6), LABELS[:3]),
            r"labels have shape \(3,\); 4 images need \(4,\)",
        ),
        (
            lambda: (nn.Conv2d(1, 3, 3), uniform(4, 1, 4, 5), LABELS),
            r"'mine': labels have shape \(4,\); 4 images need \(4, 2, 3\), one for each of the",
        ),
        (
            lambda: (nn.Linear(6, 3), uniform(4, 6), LABELS / 2),
            "labels have dtype float64; give class numbers as integers",
        ),
        (
            lambda: (nn.Linear(6, 3), uniform(4, 7), LABELS),
            r"network 'mine': .*\(2, 7\).*",
        ),
        (lambda: (nn.Linear(6, 3), [["a"]], LABELS), "x is not an array of real numbers"),
        (
            lambda: (nn.Linear(6, 3), np.full((4, 6), np.nan), LABELS),
            "x holds 24 values that are NaN or infinite",
        ),
        (lambda: (made(Pair, 6, 3), uniform(4, 6), LABELS), "network 'mine': .*tuple"),
        (
            lambda: (nn.ReLU(), uniform(4, 6), LABELS),
            "network 'mine': the network has no layer with weights for tiles",
        ),
    ],
)
def test_bad_data_is_refused_by_network_and_value(make, message):
    with pytest.raises(ValueError, match=message):
        refused(*make())


def test_a_table_that_does_not_fit_the_network_is_refused_before_any_work():
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    with pytest.raises(ValueError, match="network 'mine': unknown layer in the hardware table 'h"):
        refused(net, uniform(4, 6), LABELS, {"*": HARDWARE, "hed": None})
    with pytest.raises(ValueError, match="network 'mine': the hardware table has no entry for"):
        refused(net, uniform(4, 6), LABELS, {"0": HARDWARE})


def test_layers_of_a_table_are_on_their_hardware():
    net = made(nn.Sequential, nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    tasks = grid(net, {"0": HARDWARE, "*": HARDWARE}, {"0:layer": ["tiles", "digital"]})
    rows = collect(tasks, uniform(4, 6), LABELS, **SETTINGS)
    assert rows["0:layer"].tolist() == ["tiles", "digital"]
    chips = [map_to_crossbar(net, t.hardware, rng=0) for t in tasks]
    assert [len(chip.layers) for chip in chips] == [2, 1]


def test_two_images_are_enough_of_an_example():
    assert few_of(uniform(1, 3)).shape == (2, 3)
    assert few_of(uniform(9, 3)).shape == (2, 3)
    assert [part.shape for part in few_of((uniform(4, 3), uniform(4, 2)))] == [(2, 3), (2, 2)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chips": 0}, "chips = 0 is not allowed; give a whole number of at least 1"),
        ({"samples": 1.5}, "samples = 1.5 is not allowed"),
        ({"sampling": "moment"}, "unknown sampling 'moment'; did you mean 'moments'"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        check_settings(**{"chips": 1, "samples": 1, "sampling": "exact"} | settings)
