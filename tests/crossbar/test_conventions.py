"""Conventions on which everything relies: transpose, signs, order of cells, unit of u."""

import numpy as np
import pytest

from crossbar import (
    BalancedPair,
    Comparator,
    DifferentialPair,
    Hardware,
    NeuronArray,
    ReferenceColumn,
    Tile,
    TiledArray,
)
from devices import Device

DEVICE = Device(g_min=1e-6, g_max=1e-5)
W = np.array([[0.5, -0.25, 1.0], [0.0, -1.0, 0.75]])  # 2 outputs, 3 inputs
MAPPINGS = [DifferentialPair(), BalancedPair(), ReferenceColumn()]
mappings = pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda m: type(m).__name__)
makers = pytest.mark.parametrize("maker", [Tile, TiledArray, NeuronArray])


def programmed(maker, mapping, **hardware):
    """Return an array of that class programmed with W."""
    hardware = Hardware(device=DEVICE, mapping=mapping, **hardware)
    return maker.program(
        W, hardware, siemens_per_weight=mapping.siemens_per_weight(1.0, DEVICE), rng=0
    )


def test_weights_are_outputs_by_inputs_and_conductances_word_lines_by_bit_lines():
    k = DifferentialPair().siemens_per_weight(1.0, DEVICE)
    g_pos, g_neg = DifferentialPair().conductances(W, DEVICE, k)
    assert W.shape == (2, 3)
    assert g_pos.shape == g_neg.shape == (3, 2)
    # Word line 0 (input), bit line 0 (output) holds w[0, 0]; word line 2, bit line 1 holds w[1, 2].
    np.testing.assert_allclose(g_pos[[0, 2], [0, 1]], 1e-6 + k * np.array([0.5, 0.75]), rtol=1e-12)


def test_positive_weights_sit_in_the_positive_cell_and_the_other_rests_at_g_min():
    k = DifferentialPair().siemens_per_weight(1.0, DEVICE)
    g_pos, g_neg = DifferentialPair().conductances(np.array([[1.0, -1.0, 0.0]]), DEVICE, k)
    np.testing.assert_allclose(g_pos[:, 0], [1e-5, 1e-6, 1e-6], rtol=1e-12)
    np.testing.assert_allclose(g_neg[:, 0], [1e-6, 1e-5, 1e-6], rtol=1e-12)


def test_a_reference_column_is_one_column_at_the_middle():
    k = ReferenceColumn().siemens_per_weight(1.0, DEVICE)
    g_pos, g_neg = ReferenceColumn().conductances(W, DEVICE, k)
    assert g_pos.shape == (3, 2)
    assert g_neg.shape == (3, 1)
    np.testing.assert_allclose(g_neg, 5.5e-6, rtol=1e-12)


@makers
@mappings
def test_u_is_w_x_in_weight_units_with_reads_along_the_rows(maker, mapping):
    x = np.array([[1.0, 1, 1], [1, -1, 1], [0.5, 0, -2], [0, 0, 0]])
    u = programmed(maker, mapping).read(x, rng=0)
    # Without noise and error u = x Wᵀ, (reads, outputs), and has no unit.
    np.testing.assert_allclose(u, x @ W.T, rtol=1e-12, atol=1e-12)


@makers
def test_rows_of_u_are_inputs_times_outputs(maker):
    assert programmed(maker, DifferentialPair()).read(np.ones((7, 3)), rng=0).shape == (7, 2)


def test_siemens_per_weight_changes_the_current_and_not_u():
    k = 3e-6
    tile = Tile.program(W, Hardware(device=DEVICE), siemens_per_weight=k, rng=0)
    x = np.array([[1.0, -1.0, 1.0]])
    # i/V = x (G⁺ − G⁻) = k u [S].
    np.testing.assert_allclose(x @ (tile.g_pos - tile.g_neg), k * x @ W.T, rtol=1e-12)
    np.testing.assert_allclose(tile.read(x, rng=0), x @ W.T, rtol=1e-12)


def test_the_reads_of_one_input_are_adjacent():
    u = programmed(TiledArray, DifferentialPair()).read(np.eye(3), rng=0, reads_per_input=2)
    np.testing.assert_allclose(u, np.repeat(W.T, 2, axis=0), rtol=1e-12, atol=1e-12)


def test_a_current_of_exactly_zero_fires_plus_one():
    # sgn(0) = +1.
    z = Comparator().compare(np.array([[0.0, -1e-30, 1e-30]]), np.zeros(3))
    np.testing.assert_array_equal(z, [[1, -1, 1]])


def test_tile_shape_is_word_lines_then_bit_lines():
    hardware = Hardware(device=DEVICE, tile_shape=(3, 2))
    k = hardware.mapping.siemens_per_weight(1.0, DEVICE)
    assert Tile.program(W, hardware, siemens_per_weight=k, rng=0).g_pos.shape == (3, 2)
    with pytest.raises(
        ValueError, match="w needs 2 word lines and 3 bit lines, the tile has 3 and 2"
    ):
        Tile.program(W.T, hardware, siemens_per_weight=k, rng=0)
