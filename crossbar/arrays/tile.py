"""The conductances of one tile, and what changes them. Nothing here is drawn on reads."""

import numpy as np

from crossbar.arrays.line_resistance import behind_wires, compensated
from crossbar.arrays.tile_cells import ALONE, Stream, TileCells, devices_at
from crossbar.bit_slices import BitSliced
from crossbar.hardware import Hardware
from crossbar.reads.conductances import Conductances, behind
from crossbar.reads.nonlinear import chords
from devices import Device, IdealWrite, NoDrift, NoNoise, NoTemperature, Place
from devices.seeding import stream
from devices.validation import Floats, array, instance, number

#: Step, relative to g_max, of the derivative by the programmed conductance; the error of the
#: derivative is its square.
_DERIVATIVE_STEP = 1e-4


class ProgrammedTile(TileCells):
    """One programmed array (word lines, bit lines), with the negative cells or a reference column.

    Programming errors and stuck cells are drawn once, by `program`; the seed also fixes the path
    along which each cell drifts. Drift, temperature, common-mode gain and wires act on the
    programmed conductances.

    Attributes:
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
        seconds: Age since programming [s].
        gain: Common-mode factor of all conductances.
        place: Where the tile is in its layer; faults may depend on it.
    """

    @classmethod
    def program(
        cls,
        w: Floats,
        hardware: Hardware,
        siemens_per_weight: float,
        seed: np.random.SeedSequence,
        place: Place = ALONE,
    ) -> "ProgrammedTile":
        """Return a tile programmed with a weight matrix; the same seed gives the same tile.

        Args:
            w: Weights, (outputs, inputs).
            hardware: Description of the chip.
            siemens_per_weight: Conductance [S] of a weight of one.
            seed: Seed of programming and drift.
            place: Where the tile is in its layer; faults may depend on it.

        Raises:
            ValueError: w holds NaN, is empty, does not fit the tile or the mapped range, or a map
                of faults does not fit.
        """
        weights = _checked_weights(w, hardware)
        instance("place", place, Place)
        targets = hardware.mapping.conductances(weights, hardware.device, siemens_per_weight)
        if hardware.compensate_wires:
            targets = compensated(targets, hardware)
        positive, negative = devices_at(place, hardware)
        g_pos = positive.program(targets[0], rng=stream(seed, Stream.PROGRAMMING, 0))
        g_neg = negative.program(targets[1], rng=stream(seed, Stream.PROGRAMMING, 1))
        return cls(hardware, siemens_per_weight, g_pos, g_neg, seed, place)

    @property
    def g_pos(self) -> Floats:
        """Conductances of the positive cells now [S], (word lines, bit lines); read-only."""
        return read_only(self._now[0])

    @property
    def g_neg(self) -> Floats:
        """Conductances of the negative cells, or (word lines, 1) of a reference; read-only."""
        return read_only(self._now[1])

    @property
    def programmed(self) -> tuple[Floats, Floats]:
        """Conductances of positive and negative cells right after programming [S]; read-only."""
        positive, negative = self._programmed
        return read_only(positive), read_only(negative)

    def as_programmed(self) -> "ProgrammedTile":
        """Return the tile as it was just after programming: age 0, gain 1, the same cells."""
        tile = ProgrammedTile(
            self.hardware, self.siemens_per_weight, *self._programmed, self._seed, self.place
        )
        tile._failed = self._failed
        return tile

    def _refresh(self) -> None:
        g_pos, g_neg = self._programmed
        self._now = (_kept(g_pos, _seen(self, g_pos, 0)), _kept(g_neg, _seen(self, g_neg, 1)))
        self._conductances: Conductances | None = None

    def keep_in(self, g_pos: Floats, g_neg: Floats) -> None:
        """Keep the conductances in other memory, which holds the same numbers [S].

        The tiles of an array are parts of one matrix, so that its cells are in memory once.
        """
        (pos, neg), (pos_now, neg_now) = self._programmed, self._now
        self._programmed = (g_pos if pos is pos_now else pos, g_neg if neg is neg_now else neg)
        self._now = (g_pos, g_neg)
        if self.hardware.wires is None:
            self._conductances = None

    @property
    def conductances(self) -> Conductances:
        """The cells now [S], and their effective conductances, solved once for each state."""
        if self._conductances is None:
            shared = self.hardware.mapping.shares_reference
            g_pos, g_neg = self._now
            references = np.zeros(g_pos.shape[1], dtype=np.intp) if shared else None
            effective = behind_wires(g_pos, g_neg, self.hardware)
            small: tuple[Floats | None, Floats | None] = (None, None)
            if not self.hardware.is_ohmic:
                pos, neg = self._programmed
                small = _at_small_voltages(self, pos, 0), _at_small_voltages(self, neg, 1)
            self._conductances = Conductances(g_pos, g_neg, *effective, references, *small)
        return self._conductances

    @property
    def level_spacing(self) -> float:
        """Spacing of the even grid on which all cells lie now [S]; 0 for continuous cells."""
        return self.gain * _level_spacing(self.hardware)

    def programming_variance(self) -> tuple[Floats, Floats]:
        """Return the variance [S²] of programming on positive and negative cells as a read sees it.

        While the gate conducts it is (d(m G)/dg)² (σ²(g) + r²(g)), with r² the mean square error of
        rounding to levels (step²/12 on an even grid): an error of g, as programmed, appears as the
        cell is now, after drift, at its temperature and behind its gate, times the mean m of its
        read noise; IR drop attenuates it like G. A reference column is trimmed and has no error of
        levels; cells that are stuck at a measured conductance have no error.
        """
        return _programming_variances(self, *self._programmed)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: retention and drift. Ages add up."""
        self.seconds += number("seconds", seconds, at_least=0, unit="s")
        self._refresh()

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance, pedestal included, by one factor: a common-mode gain."""
        self.gain *= number("factor", factor, above=0)
        self._refresh()


def _seen(tile: ProgrammedTile, g: Floats, side: int) -> Floats:
    """Return the conductances [S] that reads see: aged, warm, scaled, behind a conducting gate.

    Those of cells that are not ohmic are I/V at the read voltage.

    Args:
        tile: The tile, with its age and gain.
        g: Conductances after programming [S].
        side: 0 for the positive cells, 1 for the negative ones; it names the stream of drift.
    """
    small = _at_small_voltages(tile, g, side)
    if not tile.hardware.is_ohmic:
        small = chords(small, tile.hardware.read_voltage, tile.hardware)
    return behind(small, tile.hardware.gate.series_resistance)


def _at_small_voltages(tile: ProgrammedTile, g: Floats, side: int) -> Floats:
    """Return the conductances [S] of the cells alone: aged, warm, scaled; see `_seen`."""
    hardware = tile.hardware
    device = hardware.device
    g = tile._aged(g, side)
    if not isinstance(device.temperature_law, NoTemperature):
        g = g * device.temperature_law.factor(g, hardware.temperature)
    return g if tile.gain == 1 else tile.gain * g


def _kept(programmed: Floats, now: Floats) -> Floats:
    """Return conductances that have not changed as the array that they were programmed to."""
    return programmed if now is programmed or np.array_equal(programmed, now) else now


def read_only(a: Floats) -> Floats:
    """Return a view of an array that cannot be written to."""
    view = a.view()
    view.flags.writeable = False
    return view


def _level_spacing(hardware: Hardware) -> float:
    """Return the spacing of the even grid on which cells lie while their gain is 1 [S].

    Cells leave the grid through write error, drift, a temperature law, gates in series, and wires;
    the spacing is then 0.
    """
    device = hardware.device
    if hardware.wires is not None:
        return 0.0
    ends = np.array([device.g_min, device.g_max])
    warm = ends * device.temperature_law.factor(ends, hardware.temperature)
    unchanged = np.array_equal(behind(warm, hardware.gate.series_resistance), ends)
    stable = isinstance(device.retention, NoDrift) and unchanged and hardware.is_ohmic
    return device.step if isinstance(device.write, IdealWrite) and stable else 0.0


def _checked_weights(w: Floats, hardware: Hardware) -> Floats:
    """Return weights (outputs, inputs) that fit one tile; raise ValueError if they do not."""
    instance("hardware", hardware, Hardware)
    if isinstance(hardware.mapping, BitSliced):
        raise ValueError(
            f"mapping = {hardware.mapping!r} needs an array for each slice of the weights, "
            "which are read separately; use NeuronArray.program"
        )
    weights = array("w", w, ndim=2)
    outputs, inputs = weights.shape
    lines, columns = hardware.tile_shape
    if inputs > lines or outputs > columns:
        raise ValueError(
            f"w needs {inputs} word lines and {outputs} bit lines, the tile has {lines} and "
            f"{columns}; use TiledArray.program, which spreads a matrix over tiles"
        )
    if weights.size == 0:
        raise ValueError(
            f"w has shape {weights.shape}: a tile needs at least one word line and one bit line"
        )
    return weights


def _programming_variances(
    tile: ProgrammedTile, g_pos: Floats, g_neg: Floats
) -> tuple[Floats, Floats]:
    c = tile.conductances
    of_pos, of_neg = devices_at(tile.place, tile.hardware)
    positive = _programming_variance(tile, g_pos, 0, of_pos, c.effective_pos, c.g_pos)
    negative = _programming_variance(tile, g_neg, 1, of_neg, c.effective_neg, c.g_neg)
    return positive, negative


def _programming_variance(
    tile: ProgrammedTile, g: Floats, side: int, device: Device, effective: Floats, now: Floats
) -> Floats:
    """Return the variance [S²] of cells of one side, programmed to g and read as `effective`."""

    def mean_read(programmed: Floats) -> Floats:
        seen = _seen(tile, programmed, side)
        noise = tile.hardware.cell_noise
        return seen if isinstance(noise, NoNoise) else seen * noise.moments(seen)[0]

    # Current-voltage laws are fitted within the range, so that its ends have one-sided steps.
    step = _DERIVATIVE_STEP * device.g_max
    low = np.maximum(g - step, np.minimum(g, device.g_min))
    high = np.minimum(g + step, np.maximum(g, device.g_max))
    at_low, at_high = mean_read(low), mean_read(high)
    slope: Floats | float = 1.0  # of cells that are read as they were programmed
    if at_low is not low or at_high is not high:
        slope = (at_high - at_low) / (high - low)
    if effective is not now:
        slope *= np.divide(effective, now, out=np.ones_like(effective), where=now > 0)
    if tile.hardware.access_resistance:
        slope = slope / (1 + now * tile.hardware.access_resistance)  # it divides errors once more
    variance: Floats = slope**2 * (device.programming_moments(g)[1] + device.rounding_variance(g))
    stuck = device.faults.measured(g.shape)
    return variance if stuck is None else np.where(np.isnan(stuck), variance, 0)
