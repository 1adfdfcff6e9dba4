"""Programming: pulses and energies of linear and published pulse responses, by hand."""

from dataclasses import replace

import numpy as np
import pytest

import devices
from crossbar import CostConstants, Hardware, NeuronArray, ReferenceColumn
from crossbar.cost.writing import write_cost
from devices import Device, NonlinearPulses, WritePulses

# Ten even pulses from 1 to 11 µS.
LINEAR = Device(g_min=1e-6, g_max=11e-6, pulses=NonlinearPulses(g_min=1e-6, g_max=11e-6, pulses=10))
PULSES = WritePulses(voltage_up=2.0, width_up=1e-6, voltage_down=-3.0, width_down=2e-6)


def layer(w, device=LINEAR, **hardware):
    """Return a layer programmed with weights w, the largest of which is 1."""
    hardware = Hardware(device=device, **hardware)
    k = hardware.mapping.siemens_per_weight(1.0, device)
    return NeuronArray.program(np.array(w, float), hardware, siemens_per_weight=k, rng=0)


def test_a_cell_takes_the_energy_of_its_pulses():
    # A weight of 0.3 is 4 µS and 1 µS: three pulses, at 1, 2 and 3 µS.
    cost = write_cost(layer([[0.3]]), pulses=PULSES)
    assert (cost.cells, cost.pulses, cost.reason) == (2, 3, "")
    np.testing.assert_allclose(cost.cell_energy, 6e-6 * 4.0 * 1e-6, rtol=1e-9)
    np.testing.assert_allclose(cost.line_energy, 3 * 1e-16 * 4.0, rtol=1e-9)
    np.testing.assert_allclose(cost.time, 3e-6, rtol=1e-12)


def test_from_the_other_end_cells_are_depressed():
    # 11 → 4 µS takes seven pulses, 11 → 1 µS ten; at 11, 10, … µS.
    cost = write_cost(layer([[0.3]]), pulses=PULSES, start="g_max")
    assert cost.pulses == 17
    siemens = np.arange(11, 4, -1).sum() + np.arange(11, 1, -1).sum()
    np.testing.assert_allclose(cost.cell_energy, siemens * 1e-6 * 9.0 * 2e-6, rtol=1e-9)


def test_cells_add_up_over_tiles_paths_and_lines(rng):
    w = rng.uniform(-1, 1, (4, 6))
    one, tiled = (write_cost(layer(w, tile_shape=s), pulses=PULSES) for s in ((6, 4), (2, 4)))
    np.testing.assert_allclose(tiled.cell_energy, one.cell_energy, rtol=1e-12)
    assert tiled.pulses == one.pulses
    assert tiled.line_energy == one.line_energy  # word lines are as long
    reference = write_cost(layer(w, mapping=ReferenceColumn()), pulses=PULSES)
    assert reference.cells == 6 * 5


def test_targets_between_two_pulses_take_the_nearer_one():
    assert write_cost(layer([[0.34]]), pulses=PULSES).pulses == 3
    assert write_cost(layer([[0.36]]), pulses=PULSES).pulses == 4


def test_the_line_energy_follows_its_constant():
    c = replace(CostConstants(), line_capacitance=3e-16)
    three = write_cost(layer([[0.3]]), pulses=PULSES, constants=c).line_energy
    assert three == pytest.approx(
        3 * write_cost(layer([[0.3]]), pulses=PULSES).line_energy, rel=1e-9
    )


def test_a_published_device_knows_its_pulses():
    device = devices.preset("rram_jo2010")
    cost = write_cost(layer([[1.0]], device))
    # Up to g_max all 97 pulses of 3.2 V and 300 µs, between 3 and 38 nS.
    assert 97 <= cost.pulses < 2 * 97
    low, high = 97 * device.g_min, cost.pulses * device.g_max
    assert low < cost.cell_energy / (3.2**2 * 300e-6) < high


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (Device(g_min=1e-6, g_max=1e-5), "no pulse response"),
        (
            devices.preset("rpu_gokmen2016"),
            "not known; give the argument pulses=devices.WritePulses",
        ),
        (devices.preset("fefet_jerry2017"), "draw charge instead of current"),
    ],
)
def test_what_is_not_known_is_nan_and_says_why(device, reason):
    cost = write_cost(layer([[0.3]], device))
    assert reason in cost.reason
    assert np.isnan([cost.pulses, cost.cell_energy, cost.line_energy, cost.time]).all()
    assert cost.cells == 2


def test_what_cannot_be_used_is_refused():
    with pytest.raises(ValueError, match="unknown start 'middle'. Known: g_min, g_max"):
        write_cost(layer([[0.3]]), pulses=PULSES, start="middle")
    with pytest.raises(ValueError, match="WritePulses.*without a pulse response"):
        write_cost(layer([[0.3]], Device(g_min=1e-6, g_max=1e-5)), pulses=PULSES)


def test_the_same_conductances_cost_the_same_whatever_has_happened_since():
    neurons = layer([[0.3, -0.7]])
    before = write_cost(neurons, pulses=PULSES)
    neurons.scale_conductances(0.1)
    assert write_cost(neurons, pulses=PULSES) == before
