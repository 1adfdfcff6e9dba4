"""Figures of line resistance against Kirchhoff's laws."""

import matplotlib as mpl
import numpy as np
import pytest

from crossbar import Wires
from nsm.plots.style import COLORS, figure
from nsm.plots.wires import QUANTITIES, plot_tile_map, plot_wire_loss

WIRES = Wires(3.0, 5.0, r_source=7.0, r_sense=11.0, r_access=2000.0)


def drawn(ax):
    """The values of a map."""
    (image,) = ax.images
    return np.asarray(image.get_array())


def test_one_cell_is_a_chain_of_resistors():
    g = 1e-4
    v = 0.2
    amperes = v / (7 + 3 + 2000 + 1 / g + 5 + 11)
    np.testing.assert_allclose(
        drawn(plot_tile_map([[g]], [v], WIRES)), [[1e3 * amperes / g]], rtol=1e-10
    )
    current = plot_tile_map([[g]], [v], WIRES, quantity="cell_current")
    np.testing.assert_allclose(drawn(current), [[1e6 * amperes]], rtol=1e-10)


def test_cell_currents_add_up_to_those_of_the_bit_lines(rng):
    g = rng.uniform(1e-6, 1e-4, (6, 4))
    v = rng.uniform(-0.2, 0.2, 6)
    microamperes = drawn(plot_tile_map(g, v, WIRES, quantity="cell_current"))
    assert microamperes.shape == (6, 4)
    np.testing.assert_allclose(microamperes.sum(axis=0), 1e6 * WIRES.currents(g, v), rtol=1e-9)
    # Ohm's law holds in every cell: 1 mV on 1 S is 1 mA, or 1000 µA.
    np.testing.assert_allclose(
        microamperes, 1e3 * g * drawn(plot_tile_map(g, v, WIRES)), rtol=1e-12
    )


def test_without_wires_every_cell_sees_its_word_line():
    v = np.array([0.1, -0.2, 0.0])
    np.testing.assert_allclose(
        drawn(plot_tile_map(np.full((3, 2), 1e-5), v, Wires(0.0, 0.0))),
        1e3 * np.repeat(v[:, None], 2, axis=1),
        atol=1e-12,
    )


def test_the_driver_is_on_the_left_and_the_ground_below():
    voltage = drawn(plot_tile_map(np.full((5, 5), 1e-4), np.full(5, 0.1), Wires(10.0, 10.0)))
    assert (np.diff(voltage, axis=1) < 0).all()
    assert (np.diff(voltage, axis=0) > 0).all()
    image = plot_tile_map(np.full((5, 5), 1e-4), np.full(5, 0.1), Wires(10.0, 10.0)).images[0]
    assert image.origin == "upper"  # word line 0 is at the top


@pytest.mark.parametrize(("quantity", "unit"), [("cell_voltage", "[mV]"), ("cell_current", "[µA]")])
def test_the_map_labels_its_axes_and_its_quantity(quantity, unit):
    ax = plot_tile_map(np.full((3, 2), 1e-5), np.full(3, 0.1), WIRES, quantity=quantity)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "bit line, sensed below",
        "word line, driven from the left",
    )
    bar = ax.figure.axes[-1].get_ylabel()
    assert bar == QUANTITIES[quantity]
    assert bar.endswith(unit)


def test_an_unknown_quantity_is_refused():
    with pytest.raises(
        ValueError, match="unknown quantity 'cell_curent'; did you mean 'cell_current'"
    ):
        plot_tile_map([[1e-5]], [0.1], WIRES, quantity="cell_curent")


def test_impossible_arrays_are_refused():
    with pytest.raises(ValueError, match="g holds 1 negative conductances"):
        plot_tile_map([[1e-5, -1e-5]], [0.1], WIRES)
    with pytest.raises(ValueError, match="v"):
        plot_tile_map([[1e-5, 1e-5]], [0.1, 0.1], WIRES)


def test_the_loss_of_every_size_and_resistance_is_drawn():
    sizes = [1, 4, 16]
    ohms = [1.0, 20.0]
    g = 2e-5
    ax = plot_wire_loss(sizes, ohms, g)
    assert [line.get_label() for line in ax.lines] == ["1 Ω", "20 Ω"]
    assert [line.get_color() for line in ax.lines] == list(COLORS[:2])
    for line, r in zip(ax.lines, ohms, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), sizes)
        percent = line.get_ydata()
        # A tile of one cell has two segments in series with it.
        np.testing.assert_allclose(percent[0], 100 * 2 * r * g / (1 + 2 * r * g), rtol=1e-9)
        cells = np.full((16, 16), g)
        ideal = 16 * g  # current of a bit line at one volt
        np.testing.assert_allclose(
            percent[2],
            100 * (1 - Wires(r, r).currents(cells, np.ones(16)).mean() / ideal),
            rtol=1e-9,
        )
        # To first order in r g the loss is r g (n + 1)(2 n + 1)/3, which is an upper bound.
        first = 100 * r * g * np.array([(n + 1) * (2 * n + 1) / 3 for n in sizes])
        assert (percent < first).all()
        np.testing.assert_allclose(percent, first, rtol=1.5 * first.max() / 100)


def test_the_loss_labels_its_axes_and_lines():
    ax = plot_wire_loss([2, 8], [0.5], 1e-5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "word lines = bit lines",
        "current lost in the wires [%]",
    )
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2", "8"]
    assert ax.get_legend().get_title().get_text() == "per segment"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["0.5 Ω"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda **ax: plot_tile_map([[1e-5]], [0.1], WIRES, **ax),
        lambda **ax: plot_wire_loss([2, 4], [1.0], 1e-5, **ax),
    ],
)
def test_figures_go_into_the_given_axes_and_leave_the_users_style(draw):
    before = dict(mpl.rcParams)
    _, ax = figure()
    assert draw(ax=ax) is ax
    fresh = draw()
    assert fresh is not ax
    assert tuple(fresh.figure.get_size_inches()) == (3.4, 2.5)
    assert {k: v for k, v in mpl.rcParams.items() if k != "backend"} == {
        k: v for k, v in before.items() if k != "backend"
    }
