"""Read noise with memory whose spectrum is a table over frequency."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, log10, pi
from typing import NamedTuple

import numpy as np

from devices.interpolation import MonotoneCubic
from devices.operating_point import OperatingPoint
from devices.read_noise.base import ReadNoise
from devices.read_noise.ornstein_uhlenbeck import OrnsteinUhlenbeckNoise, lorentzians
from devices.read_noise.tabulated import TabulatedNoise, check_table, exponent_of, relative
from devices.rows import check_lengths, rising_row, row
from devices.special import nnls
from devices.validation import Floats

# Corner frequencies per decade among which the fit chooses. With four, one Lorentzian anywhere
# between two of them is met to 4 %.
_CORNERS_PER_DECADE = 4
# The noise of the fit may differ from the table by this factor, before the table is refused.
_LARGEST_MISFIT = 2.0


class _Processes(NamedTuple):
    """The processes of a fitted spectrum.

    Attributes:
        taus: Correlation times [s], rising.
        shares: Their shares in the variance, adding up to 1.
        misfit: The largest factor by which the fit differs from the table.
        worst: Frequency where it does [Hz].
    """

    taus: Floats
    shares: Floats
    misfit: float
    worst: float


@dataclass(frozen=True, kw_only=True)
class TabulatedSpectrum(OrnsteinUhlenbeckNoise):
    """Read noise of a tabulated size σ_G(g) and a tabulated spectrum: S_G(f) = σ_G²(g) shape(f).

    σ_G is the standard deviation of the reads, all frequencies together: Var ξ = (noise_factor ·
    σ_G/g)². It is interpolated by a monotone cubic (`devices.interpolation`) and constant beyond
    the ends of its table. `density` tells how that variance is spread over frequency. Only its
    shape counts, so that it may be S_G, S_G/G² or the spectrum of a current.

    The noise is a sum of Ornstein-Uhlenbeck processes (`OrnsteinUhlenbeckNoise`), exact at any read
    times. Their corner frequencies 1/(2π τ_k) lie on a logarithmic grid of four per decade from the
    lowest to the highest frequency of the table; their shares are the non-negative least squares
    fit of their Lorentzians to `density`, in relative deviations (Lawson and Hanson, Solving Least
    Squares Problems, 1974, chapter 23). Below the lowest frequency the spectrum is flat; above the
    highest it falls as 1/f². A sum of such processes falls nowhere faster than 1/f² and rises
    nowhere; tables from which it differs by more than a factor of 2 are refused.

    `sigma` is what a read-out of at least the highest frequency of the table sees. One of a smaller
    bandwidth averages the faster part away (`at`): the table then ends at the bandwidth, and σ_G²
    shrinks by the part of the variance that the processes have above it. A bandwidth below the
    lowest frequency sees the flat part of the spectrum only: its reads have no memory, and `at`
    returns a `TabulatedNoise`.

    Once per chip the processes are drawn from their stationary law; they move on every read.

    Attributes:
        conductances: Conductances [S] of the table of σ_G, two or more, rising.
        sigma: Standard deviation σ_G of the reads [S], one for each of `conductances`.
        frequencies: Frequencies [Hz] of the spectrum, two or more, rising.
        density: Spectral density there, positive, in any unit per Hz.
        noise_factor: Factor on the noise, as an axis of sweeps; default 1.

    Raises:
        ValueError: If a row does not rise or has the wrong length, a number lies outside its range,
            or the spectrum cannot be that of such processes.
    """

    conductances: tuple[float, ...]
    sigma: tuple[float, ...]
    frequencies: tuple[float, ...]
    density: tuple[float, ...]
    noise_factor: float = 1.0

    def __post_init__(self) -> None:
        check_table(self, "sigma", "S")
        frequencies = rising_row(
            "TabulatedSpectrum.frequencies", self.frequencies, above=0, unit="Hz"
        )
        density = row("TabulatedSpectrum.density", self.density, above=0)
        check_lengths("TabulatedSpectrum.density", density, "frequencies", frequencies)
        object.__setattr__(self, "frequencies", frequencies)
        object.__setattr__(self, "density", density)
        fitted = self._processes
        if fitted.misfit > _LARGEST_MISFIT:
            raise ValueError(
                f"TabulatedSpectrum.density differs by a factor of {fitted.misfit:.3g} at "
                f"{fitted.worst:g} Hz from the nearest sum of relaxations, which falls with the "
                "frequency, by 1/f² at most: average the measured spectrum over bands of a third "
                "of a decade, and leave out frequencies of interference"
            )

    @property
    def taus(self) -> Floats:
        return self._processes.taus

    @property
    def shares(self) -> Floats:
        return self._processes.shares

    def variance(self, g: Floats) -> Floats:
        g = np.asarray(g, dtype=np.float64)
        sigma = MonotoneCubic(self.conductances, self.sigma)(g)
        return (self.noise_factor * relative(sigma, g)) ** 2

    def exponent(self, g: Floats) -> Floats:
        return exponent_of(MonotoneCubic(self.conductances, self.sigma), g)

    def at(self, point: OperatingPoint) -> ReadNoise:
        """Return the noise that reads of a bandwidth see: faster parts are averaged away."""
        bandwidth, low, high = point.noise_bandwidth, self.frequencies[0], self.frequencies[-1]
        if bandwidth >= high:
            return self
        factor = np.sqrt(self._below(bandwidth) / self._below(high))
        sigma = tuple(float(factor * s) for s in self.sigma)
        if bandwidth <= low:
            return TabulatedNoise(
                conductances=self.conductances, sigma=sigma, noise_factor=self.noise_factor
            )
        frequencies = (*(f for f in self.frequencies if f < bandwidth), bandwidth)
        # Of the fit, not of the table: what is fitted once can be fitted again.
        density = lorentzians(np.array(frequencies), self.taus) @ self.shares
        return replace(self, sigma=sigma, frequencies=frequencies, density=tuple(density.tolist()))

    def _below(self, f: float) -> float:
        """Return the share of the variance below a frequency [Hz]."""
        return float(self.shares @ np.arctan(2 * pi * f * self.taus) * (2 / pi))

    @cached_property
    def _processes(self) -> _Processes:
        f, density = np.array(self.frequencies), np.array(self.density)
        n = ceil(_CORNERS_PER_DECADE * log10(f[-1] / f[0]) - 1e-9) + 1
        taus = 1 / (2 * pi * np.geomspace(f[-1], f[0], max(n, 2)))
        # Columns of one size, and rows in units of the table: the fit is of relative deviations.
        spectra = lorentzians(f, taus) / density[:, None]
        sizes = np.linalg.norm(spectra, axis=0)
        weights = nnls(spectra / sizes, np.ones(f.size)) / sizes
        ratio = spectra @ weights
        factors = np.maximum(ratio, 1 / np.maximum(ratio, 1e-300))
        worst = int(np.argmax(factors))
        taken = weights > 0
        shares = weights[taken] / weights[taken].sum()
        return _Processes(taus[taken], shares, float(factors[worst]), float(f[worst]))
