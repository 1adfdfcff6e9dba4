"""Figures that compare devices."""

import numpy as np
import pytest

from devices import PRESETS, Device, PowerLawNoise, preset
from nsm.plots.devices import plot_gamma


def test_gamma_is_drawn_for_every_noisy_device_over_its_range():
    noisy = Device(g_min=1e-6, g_max=1e-5, read_noise=PowerLawNoise(0.1, 0.3, 1e-6))
    ax = plot_gamma({"quiet": preset("rram_wu2018"), "power law": noisy})
    line, one = ax.get_lines()
    assert line.get_label() == "power law"
    np.testing.assert_allclose(line.get_xdata()[[0, -1]], [1, 10])
    # The exponent is a numerical derivative.
    np.testing.assert_allclose(line.get_ydata(), 0.3, atol=1e-6)
    assert set(one.get_ydata()) == {1}
    assert ax.get_xlabel() == "conductance G [µS]"


def test_every_noisy_preset_can_be_drawn():
    ax = plot_gamma({name: p.model for name, p in PRESETS.items()})
    assert {"rram_cmo_hfox", "pcm_nandakumar2019", "sonos_agrawal2022", "rtn_illustrative"} <= {
        line.get_label() for line in ax.get_lines()
    }
    assert all(np.isfinite(line.get_ydata()).all() for line in ax.get_lines())


def test_devices_without_read_noise_have_no_exponent():
    with pytest.raises(ValueError, match="none of the devices has read noise"):
        plot_gamma({"quiet": preset("rram_wu2018")})
