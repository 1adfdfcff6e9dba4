"""A chip to which nothing happens keeps what was worked out for it."""

import numpy as np
import pytest

from crossbar import Hardware, Wires
from crossbar.arrays import tile
from devices import BlankOut, Device
from nsm import map_to_crossbar, nsm_mlp

HARDWARE = Hardware(
    device=Device(g_min=1e-6, g_max=1e-5), gate=BlankOut(0.5), wires=Wires(10.0, 10.0)
)


@pytest.mark.parametrize(
    ("nothing", "something"),
    [
        (lambda chip: chip.age(0.0), lambda chip: chip.age(1.0)),
        (lambda chip: chip.scale_conductances(1.0), lambda chip: chip.scale_conductances(0.5)),
    ],
)
def test_wires_are_solved_again_only_after_a_change(nothing, something, monkeypatch):
    solved = []
    solve = tile.behind_wires
    monkeypatch.setattr(tile, "behind_wires", lambda *a: (solved.append(a), solve(*a))[1])
    chip = map_to_crossbar(nsm_mlp((4, 3, 2)), HARDWARE, rng=0)
    x = np.ones((2, 4))
    nothing(chip)
    assert not solved  # neither does it write the report
    first = chip.sample(x, 3, rng=1)
    once = len(solved)
    assert once > 0
    nothing(chip)
    np.testing.assert_array_equal(chip.sample(x, 3, rng=1), first)
    assert len(solved) == once
    something(chip)
    chip.sample(x, 3, rng=1)
    assert len(solved) >= 2 * once
