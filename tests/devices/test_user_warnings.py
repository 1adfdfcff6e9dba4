"""Warnings point to the user's line, however deep they are given."""

import subprocess
import sys
import textwrap
import warnings

import pytest

from devices.user_warnings import warn_user
from nsm.chips.compiling import TEXT

SCRIPT = """
    import numpy as np
    import torch
    from torch import nn

    from crossbar import Adc, Hardware
    from devices import Device, TelegraphNoise
    from nsm import map_to_crossbar

    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(torch.relu(self.layer(x))) + x

    torch.manual_seed(0)
    device = Device(g_min=1e-6, g_max=1e-4, read_noise=TelegraphNoise(0.1, 1e-3, 1e-3))
    for model in (nn.Sequential(nn.Linear(4, 4)), Shared()):
        chip = map_to_crossbar(model, Hardware(device=device, adc=Adc(4)), rng=0)
        x = 100 * torch.ones(1, 4)
        chip.sample(x, 1, rng=0)  # the ADC clips
        chip.sample(x, 1, sampling="moments", rng=0)  # the noise has memory
"""


def test_a_warning_of_another_module_points_to_its_caller():
    with pytest.warns(UserWarning, match="^this$") as caught:
        warn_user("this")
    assert caught[0].filename == __file__


def test_a_warning_from_our_packages_alone_shows_no_line_of_them():
    names = {"__name__": "nsm.part", "warn_user": warn_user}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec("def f(): warn_user('this')\nf()", names)
    assert caught[0].filename == __file__


def test_warnings_of_reads_show_the_users_line_alone(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    shown = done.stderr.splitlines()
    warned = [line for line in shown if "UserWarning" in line]
    assert len(warned) >= 4  # the ADC may clip another share of the second read
    assert all(line.startswith(f"{script}:") for line in warned)
    others = [line.strip() for line in shown if "UserWarning" not in line and line != TEXT]
    assert all("# the" in line for line in others), others
