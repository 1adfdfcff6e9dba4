"""A layer of neurons on tiles: the gated array, the ungated copy with gain a_i, and the bias."""

import math

import numpy as np

from crossbar.arrays.tiled import TiledArray
from crossbar.hardware import Hardware
from crossbar.reads.inputs import Inputs
from crossbar.reads.moments import gate_moments
from crossbar.reads.span import Span
from devices.seeding import RNG, child, seed_sequence
from devices.validation import Floats, array, integer


class NeuronArray:
    """u_i = Σ_j (ξ_ij + a_i) w_ij x_j + b_i on tiles: a gated array, a copy without gate, and bias word lines.

    The copy is a second programming of the same weights whose current is multiplied by a_i; it is built only where an
    a_i differs from 0. Where a layer is read at several locations of an image, each may have gains of its own: a is then
    (locations, outputs), and the read-out goes from one row to the next as reads do. Bias word lines are ungated, driven
    with an input of one, as many as the largest |b_i| needs.
    """

    def __init__(
        self,
        main: TiledArray,
        deterministic: TiledArray | None,
        bias_lines: TiledArray | None,
        a: Floats,
        threshold: Floats,
    ):
        self.main = main
        self.deterministic = deterministic
        self.bias_lines = bias_lines
        self.a = a
        self.threshold = threshold
        self.hardware = main.hardware
        self.inputs, self.outputs = main.inputs, main.outputs
        self.siemens_per_weight = main.siemens_per_weight

    @classmethod
    def program(
        cls,
        w: Floats,
        hardware: Hardware,
        *,
        siemens_per_weight: float,
        a: Floats | None = None,
        b: Floats | None = None,
        rng: RNG,
    ) -> "NeuronArray":
        """Return tiles programmed with w (outputs, inputs), biases b (outputs,), in weight units, and gains a.

        a: (outputs,), or (locations, outputs). Copy and bias are programmed independently of the main array, with the
        device's own error. Raises ValueError for NaN, a wrong shape, weights outside the mapped range, or an a_i ≠ 0
        where the hardware has no copy.
        """
        weights = array("w", w, ndim=2)
        n, k = len(weights), siemens_per_weight
        gains = np.zeros(n) if a is None else array("a", a, shape=(*(None,) * (np.ndim(a) - 1), n))
        biases = np.zeros(n) if b is None else array("b", b, shape=(n,))
        if hardware.deterministic_path == "none" and gains.any():
            raise ValueError(
                f'deterministic_path = "none" needs every a_i = 0, but they span {gains.min():.4g} to {gains.max():.4g}; train with '
                'beta="native", or choose deterministic_path = "programmed" or "ideal"'
            )
        seed = seed_sequence(rng)
        main = TiledArray.program(weights, hardware, siemens_per_weight=k, rng=child(seed, 0))
        deterministic = bias_lines = None
        if gains.any():
            cells = (
                hardware.ungated()
                if hardware.deterministic_path == "programmed"
                else hardware.exact()
            )
            deterministic = TiledArray.program(
                weights, cells, siemens_per_weight=k, rng=child(seed, 1)
            )
        if hardware.bias == "word_line" and biases.any():
            w_max = hardware.mapping.signal_range(hardware.device) / k
            lines = math.ceil(np.abs(biases).max() / w_max * (1 - 1e-12))
            each = np.repeat(biases[:, None] / lines, lines, axis=1)
            bias_lines = TiledArray.program(
                each, hardware.ungated(), siemens_per_weight=k, rng=child(seed, 2)
            )
        threshold = biases if hardware.bias == "reference" else np.zeros(n)
        return cls(main, deterministic, bias_lines, gains, threshold)

    def read(
        self, x: Floats, *, rng: RNG, sampling: str = "exact", reads_per_input: int = 1
    ) -> Floats:
        """Return u (inputs · reads_per_input, outputs) in weight units, before the comparator; see `TiledArray.read`."""
        rows = Inputs.checked("x", x, self.inputs)
        repeats = integer("reads_per_input", reads_per_input, at_least=1)
        return self.read_span(
            rows, Span(0, len(rows) * repeats, repeats), seed=seed_sequence(rng), sampling=sampling
        )

    def read_span(
        self, x: Inputs, span: Span, *, seed: np.random.SeedSequence, sampling: str
    ) -> Floats:
        """Return u (reads, outputs) of some reads of a longer run; the same `seed` gives each read its own draws."""
        u = self.main.read_span(x, span, seed=child(seed, 0), sampling=sampling)
        if self.deterministic is not None:
            deterministic = self.deterministic.read_span(
                x, span, seed=child(seed, 1), sampling=sampling
            )
            u += np.multiply(deterministic, self._gains(span), out=deterministic)
        if self.bias_lines is not None:
            ones = Inputs(np.ones((1, self.bias_lines.inputs), dtype=bool))
            every = Span(
                span.first, span.last, repeats=max(span.last, 1)
            )  # one row of ones for all reads
            if self.bias_lines.cells.is_quiet:
                every = Span(0, 1)
            u += self.bias_lines.read_span(ones, every, seed=child(seed, 2), sampling=sampling)
        if self.threshold.any():
            u += self.threshold
        return u

    def _gains(self, span: Span) -> Floats:
        """Return a of every read of the span: one row for all, or that of its location."""
        if self.a.ndim == 1:
            return self.a
        if span.locations not in (1, len(self.a)):
            raise ValueError(
                f"the array has gains for {len(self.a)} locations but is read at {span.locations}; give inputs of the size "
                "that the network was made for"
            )
        return self.a[np.arange(span.first, span.last) % len(self.a)]

    @property
    def _mean_square_gain(self) -> Floats:
        """a² per output, the mean over locations."""
        return np.atleast_2d(self.a**2).mean(axis=0)

    def _to_noise(self, variance: Floats) -> Floats:
        """Return, per output, a variance over that of one read, x = ±1; infinite where there is no noise, 0 for 0."""
        _, noise = self.moments(np.ones((1, self.inputs)))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(variance > 0, variance / noise[0], 0.0)

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (reads, outputs) in weight units, for x (reads, inputs).

        With gains for several locations, reads go through these in turn.
        """
        mean, variance = self.main.moments(x)
        if self.deterministic is not None:
            m, v = self.deterministic.moments(x)
            a = self._gains(Span(0, len(mean)))
            mean, variance = mean + a * m, variance + a**2 * v
        if self.bias_lines is not None:
            m, v = self.bias_lines.moments(np.ones((1, self.bias_lines.inputs)))
            mean, variance = mean + m, variance + v
        return mean + self.threshold, variance

    def static_to_noise_ratio(self) -> Floats:
        """Return, per output, the variance that programming puts on u over the variance of one read, x = ±1.

        ((E ξ)² σ²_main + a_i² σ²_copy) / Var u_i, with σ² = Σ_j (σ²(G⁺) + σ²(G⁻) + level error) / k² of each array, every
        error as it is seen (`Tile.programming_variance`): the copy cancels the main array's mean only as well as both are
        programmed. Above 1 the static error exceeds the noise that computes. Infinite where there is an error and no noise.
        """
        gate_mean, _ = gate_moments(self.hardware)
        static = gate_mean**2 * self.main.programming_variance()
        if self.deterministic is not None:
            static = static + self._mean_square_gain * self.deterministic.programming_variance()
        return self._to_noise(static)

    def spread_to_noise_ratio(self) -> Floats:
        """Return, per output, the variance over devices of what their noise passes on average, over that of one read, x = ±1.

        Σ_j (E[ξ_ij | device] − E ξ)² w_ij² / Var u_i, the copy's cells too: gates whose thresholds differ are a fixed pattern
        of weight errors, which no copy undoes. 0 where all devices are alike, ½ for selectors whose p is uniform on (0, 1).
        """
        pattern = self.main.cells.fixed_pattern()
        if self.deterministic is not None:
            pattern = pattern + self._mean_square_gain * self.deterministic.cells.fixed_pattern()
        return self._to_noise(pattern)

    def effective_samples(self, samples: int, *, locations: int = 1) -> Floats:
        """Return, per output, how many independent reads the mean of u over `samples` consecutive ones is worth; x = ±1.

        S_eff = S / (1 + 2 Σ_{k<S} (1 − k/S) ρ_k), ρ_k the correlation of samples k apart, which are k · locations reads
        where the array is read at several locations of an image in turn. A trap slower than all reads together is no noise
        but a weight error, and S_eff is then 1. Of the average chip; NaN where there is no noise.
        """
        n = integer("samples", samples, at_least=1)
        period = self.hardware.read_period * integer("locations", locations, at_least=1)
        variance, excess = np.zeros(self.outputs), np.zeros(self.outputs)
        for part, gain in (
            (self.main, 1.0),
            (self.deterministic, self._mean_square_gain),
            (self.bias_lines, 1.0),
        ):
            if part is None:
                continue
            variance += gain * part.cells.covariance(0.0)
            for k in range(1, n if part.has_memory else 1):
                excess += 2 * (1 - k / n) * gain * part.cells.covariance(k * period)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(n / (1 + excess / variance))

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass in every tile."""
        for part in self._parts():
            part.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance, copy and bias word lines included, by one factor: a common-mode gain."""
        for part in self._parts():
            part.scale_conductances(factor)

    def _parts(self) -> list[TiledArray]:
        return [
            part for part in (self.main, self.deterministic, self.bias_lines) if part is not None
        ]
