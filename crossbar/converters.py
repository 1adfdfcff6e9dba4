"""Converters on both sides of an array: drivers of word lines (DAC), converters of currents (ADC).

A DAC has a sign, a magnitude and one zero, so that an input of 0 drives no line. An ADC has 2^bits
codes at even steps between both ends of its range.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats, boolean, choice, integer, number

#: What one converter sees: the sum over all tiles of an output, or the current of one tile.
CONVERTED = ("output", "tile")
#: Values beyond the range by less than this share of it are rounding, not clipping.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Dac:
    """Converter of inputs to 2^bits − 1 even levels in [−range, +range], which drive word lines.

    A level is a sign and a magnitude of bits − 1 bits: x ≈ s · c · range/(2^(bits−1) − 1), with a
    whole number c. Inputs beyond the range are clipped, and clipping is counted.

    With `serial=True` the magnitude is applied bit by bit. Each bit plane is one read of the array,
    with word lines at 0 or ± the read voltage, with noise of its own and conversions of its own.
    The results of the bits − 1 planes are added with the weights 2^b: after the converters, or
    exactly where there are none (a comparator sees the planes added on a capacitor). Noise
    averages: Var u = (range/(2^(bits−1) − 1))² Σ_b 4^b Var u_b.

    Attributes:
        bits: Resolution with the sign, at least 2; default 8.
        range: Largest input, in units of the layer's inputs. None (default): `chip.calibrate(x)`
            sets it, and reads before that are refused.
        serial: Whether inputs are applied bit by bit; default False.
    """

    bits: int = 8
    range: float | None = None
    _: KW_ONLY
    serial: bool = False

    def __post_init__(self) -> None:
        integer("Dac.bits", self.bits, at_least=2)
        if self.range is not None:
            number("Dac.range", self.range, above=0)
        boolean("Dac.serial", self.serial)

    @property
    def largest_code(self) -> int:
        """The largest magnitude c, 2^(bits−1) − 1."""
        return 2 ** (self.bits - 1) - 1

    @property
    def planes(self) -> int:
        """Reads of the array for one input: bits − 1 bit planes, or one."""
        return self.bits - 1 if self.serial else 1

    def codes(self, x: Floats, limit: float | Floats) -> Floats:
        """Return the signed codes of inputs, whole numbers of the shape of x.

        Args:
            x: Inputs.
            limit: Largest input, a number or an array that broadcasts against x; it replaces a
                range of None.
        """
        top = self.largest_code
        return np.clip(np.rint(np.asarray(x) * (top / limit)), -top, top)

    def convert(self, x: Floats, limit: float | Floats) -> Floats:
        """Return the levels nearest to inputs, of the shape of x; arguments as of `codes`.

        |error| ≤ limit/(2^bits − 2) unless clipped.
        """
        return self.codes(x, limit) * limit / self.largest_code

    def bit_planes(self, x: Floats, limit: float) -> NDArray[np.int8]:
        """Return what drives the word lines plane after plane, −1, 0 or +1.

        Args:
            x: Inputs, (rows, word lines).
            limit: Largest input.

        Returns:
            (rows, bits − 1, word lines); plane b has the weight 2^b.
        """
        codes = self.codes(x, limit).astype(np.int64)
        magnitude = np.abs(codes)[:, None, :] >> np.arange(self.bits - 1)[:, None]
        return ((magnitude & 1) * np.sign(codes)[:, None, :]).astype(np.int8)

    def weights_of_planes(self, limit: float) -> Floats:
        """Return the weight of each bit plane in input units, (bits − 1,)."""
        step = limit / self.largest_code
        return np.asarray(step * 2.0 ** np.arange(self.bits - 1), dtype=np.float64)

    def keeps_ternary(self, limit: float) -> bool:
        """Return whether −1, 0 and +1 are levels, so that states pass the converter unchanged."""
        code = self.largest_code / limit
        is_whole = bool(np.isclose(code, np.rint(code), rtol=1e-9, atol=0))
        return limit >= 1 - 1e-9 and is_whole


@dataclass(frozen=True)
class Adc:
    """Converter of bit-line currents to 2^bits even steps in [−range, +range].

    Currents beyond the range are clipped, and clipping is counted. The 2^bits levels lie around 0,
    and 0 is none of them: without noise a current of exactly 0 is always converted to the same of
    the two levels half a step, range/(2^bits − 1), beside it.

    Attributes:
        bits: Resolution, default 8.
        range: Largest current [A]. None (default): mapping sets it to the largest current that the
            programmed weights can cause with inputs of size one (of the size of `Dac.range` where
            there is one), and `chip.calibrate(x)` to what the currents are on data. Read noise, a
            common-mode gain above 1 and larger inputs may exceed it; a smaller range resolves more.
        noise: Root mean square of the noise [A] that is drawn on every conversion; default 0.
        offset: Standard deviation over converters [A], default 0. Each converter's offset is drawn
            once per chip.
        per: What one converter sees. "output" (default): the sum of the currents of all tiles of an
            output. "tile": the current of one tile; the results are added digitally.
    """

    bits: int = 8
    range: float | None = None
    _: KW_ONLY
    noise: float = 0.0
    offset: float = 0.0
    per: str = "output"

    def __post_init__(self) -> None:
        integer("Adc.bits", self.bits, at_least=1)
        if self.range is not None:
            number("Adc.range", self.range, above=0, unit="A")
        number("Adc.noise", self.noise, at_least=0, unit="A")
        number("Adc.offset", self.offset, at_least=0, unit="A")
        choice("Adc.per", self.per, CONVERTED)

    def draw_offsets(self, shape: tuple[int, ...], *, rng: np.random.Generator) -> Floats:
        """Return the offsets [A] of the converters of one chip, of the given shape."""
        return self.offset * rng.standard_normal(shape)

    def convert(self, current: Any, limit: Any) -> Any:
        """Return the converted currents [A]; |error| ≤ limit/(2^bits − 1) unless clipped.

        Args:
            current: Currents [A], offsets and noise included; an array of numpy or torch.
            limit: Largest current [A], a number or an array that broadcasts against `current`; that
                of the mapped layer, which replaces a range of None.
        """
        # 2^bits codes include both ends, so there are 2^bits − 1 steps between them.
        step = 2 * limit / (2**self.bits - 1)
        code = ((current.clip(-limit, limit) + limit) / step).round()
        return code * step - limit
