"""Reads of one array in torch, on any device, with random numbers of torch."""

from collections.abc import Callable

import torch
from torch import Tensor

from crossbar import TiledArray
from crossbar.reads.gaussian_sums import is_exactly_gaussian
from crossbar.reads.law import bernoulli_sums, gaussian_sums
from crossbar.reads.moments import ReadMoments
from crossbar.reads.pair_moments import adds_alike
from crossbar.reads.polarities import Polarity, bernoulli_polarities
from devices.validation import Floats
from nsm.chips.torch_reads.gated_sums import gated_sums
from nsm.chips.torch_reads.pass_options import TorchReads
from nsm.chips.torch_reads.random_bits import Draw, Opening


def standard_normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normals in the precision and on the device of a tensor."""
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)


class TorchArray:
    """The matrices of one array's read: its moments, and under a Bernoulli gate its polarities.

    Args:
        tiles: The array.
        on_device: Brings a matrix to the device and precision of the reads.

    Attributes:
        lines: Number of word lines.

    Raises:
        ValueError: Reads can be drawn neither as one normal per output nor with one random mask bit
            per gate.
    """

    def __init__(self, tiles: TiledArray, on_device: Callable[[Floats], Tensor]):
        self.lines = tiles.inputs
        hardware = tiles.hardware
        cells = tiles.reader.cells
        gate = hardware.gate_noise.bernoulli
        self._gates_word_lines = hardware.gates_word_lines and gate is not None
        moments = tiles.reader.moments
        if self._gates_word_lines:
            moments = ReadMoments(cells.ungated(), tiles.noise_state)
        m = moments.matrices
        self._mean = on_device(m.mean)
        self._own = on_device(m.own) if m.own.any() else None
        self._shared = on_device(m.shared) if m.shared.any() else None
        self._added = self._shared_added = None
        if m.added is not None:
            self._added, self._shared_added = map(on_device, moments.added())
        reference_of = cells.reference_of
        self._reference_of = None if reference_of is None else torch.as_tensor(reference_of)
        gaussian = is_exactly_gaussian(hardware)
        polarities = None if gaussian else bernoulli_polarities(cells)
        simple = adds_alike(hardware) and hardware.is_ohmic
        needs_more = hardware.gates_word_lines and gate is None
        if needs_more or (polarities is None and not gaussian) or not simple:
            raise ValueError(
                "torch reads need ohmic cells with Gaussian noise, without shot noise, or a "
                "blank-out gate; this hardware has the gate "
                f"{hardware.gate!r} per {hardware.gate_sharing} and cells with "
                f"{hardware.device.read_noise!r}: read the chip itself"
            )
        idle = float(cells.current_noise(0.0))
        self._polarities = [
            Polarity(
                on_device(p.signal),
                None if p.variance is None else on_device(p.variance),
                None if p.columns is None else torch.as_tensor(p.columns),  # type: ignore[arg-type]
                None if p.added is None else on_device(idle * p.added),
            )
            for p in polarities or []
        ]
        self._p, self._low = gate or (1.0, 0.0)

    def read(self, x: Tensor, reads: TorchReads) -> Tensor:
        """Return u (reads, bit lines) in weight units, one read for every row of x."""
        if self._gates_word_lines:
            x = x * self._gate(x, reads.generator)
        if reads.sampling == "moments" or not self._polarities:
            return self._gaussian(x, reads.generator)
        return self._gated(x, reads)

    def _gate(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return factors of gates at the word lines: 1 with probability p, otherwise `low`."""
        uniform = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return self._low + (1 - self._low) * (uniform < self._p).to(x.dtype)

    def _gaussian(self, x: Tensor, generator: torch.Generator) -> Tensor:
        def std(variance: Tensor | None, added: Tensor | None) -> Tensor | None:
            if variance is None:
                return None if added is None else added.sqrt().expand(len(x), -1)
            total = (x * x) @ variance
            return (total if added is None else total + added).clamp_min(0).sqrt()

        def normals(which: str, columns: int) -> Tensor:
            return standard_normal((len(x), columns), x, generator)

        references = None if self._reference_of is None else self._reference_of.to(x.device)
        shared = None if references is None else std(self._shared, self._shared_added)
        own = std(self._own, self._added)
        u: Tensor = gaussian_sums(x @ self._mean, own, shared, references, normals)
        return u

    def _gated(self, x: Tensor, reads: TorchReads) -> Tensor:
        def draw(index: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
            signal, variance = self._under_gates(self._polarities[index], x, reads.next_draw())
            if variance is None:
                return signal, None, None
            return signal, variance, standard_normal(signal.shape, x, reads.generator)

        u: Tensor = bernoulli_sums([p.columns for p in self._polarities], draw)
        return u

    def _under_gates(
        self, polarity: Polarity, x: Tensor, draw: Draw
    ) -> tuple[Tensor, Tensor | None]:
        """Return the signals of one polarity, and the variance of its cells if they are noisy.

        A gate's factor is ξ = low + (1 − low) b with a random bit b, and ξ² = low² + (1 − low²) b.
        """
        low = self._low
        inputs, matrices, closed = [x], [polarity.signal], [low]
        if polarity.variance is not None:
            inputs.append(x * x)
            matrices.append(polarity.variance)
            closed.append(low * low)
        if polarity.added is not None:
            inputs.append(torch.ones_like(x))
            matrices.append(polarity.added)
            closed.append(low)
        signal, *variances = (
            (1 - share) * gated + (share * (z @ matrix) if share else 0.0)
            for gated, z, matrix, share in zip(
                gated_sums(inputs, matrices, Opening.of(self._p), draw),
                inputs,
                matrices,
                closed,
                strict=True,
            )
        )
        return signal, sum(variances[1:], start=variances[0]) if variances else None
