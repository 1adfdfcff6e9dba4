"""Which fields of the hardware decide how the reads of an array are drawn."""

from crossbar.reads.cell_by_cell import CellByCell
from crossbar.reads.column_reads import gate_of
from crossbar.reads.conductances import CellArray
from crossbar.reads.gaussian_sums import GaussianSums
from crossbar.reads.packed_bits import PackedBits
from devices import NoNoise

READ_NOISE, GATE, IV = "device.read_noise", "gate", "device.iv"


def fields_that_choose(cells: CellArray, strategy: object) -> list[str]:
    """Return the fields that chose a strategy for exact reads; none where nothing is drawn.

    Args:
        cells: The array.
        strategy: What draws its reads.
    """
    hardware = cells.hardware
    noisy = [] if hardware.has_quiet_cells else [READ_NOISE]
    gated = [] if isinstance(hardware.gate, NoNoise) else [GATE]
    if isinstance(strategy, GaussianSums):
        return noisy + gated
    if isinstance(strategy, PackedBits):
        return gated
    if isinstance(strategy, CellByCell) and not hardware.is_ohmic:
        return [IV]
    if isinstance(strategy, CellByCell) and gated and gate_of(cells) is None:
        return gated + noisy
    return noisy or gated
