"""The states that consecutive reads of an array carry on: traps, 1/f processes, thresholds."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from crossbar.hardware import Hardware
from devices import ReadNoise
from devices.seeding import child, stream
from devices.validation import Floats


class Source(IntEnum):
    """The four sources of random factors in a read. A source's number names its random stream."""

    GATE = 0
    NEGATIVE_GATE = 1
    POSITIVE_CELLS = 2
    NEGATIVE_CELLS = 3


class SeenBy(NamedTuple):
    """A source of noise, and the cells that it acts on.

    Attributes:
        noise: The noise.
        g: Conductances [S] that it may depend on.
    """

    noise: ReadNoise
    g: Floats


def noise_sources(g_pos: Floats, g_neg: Floats, hardware: Hardware) -> dict[Source, SeenBy]:
    """Return the noise of every source, and the cells that it acts on.

    A gate per word line has one state per line. Negative cells have gates of their own only if
    every cell has one.

    Args:
        g_pos: Conductances of the positive cells [S], (word lines, bit lines).
        g_neg: Conductances of the negative cells [S], of the same shape, or (word lines,
            references).
        hardware: Gate, gate sharing and read noise.
    """
    gate = hardware.gate_noise
    cells = hardware.cell_noise
    lines = np.full(len(g_pos), hardware.device.g_max)
    return {
        Source.GATE: SeenBy(gate, lines if hardware.gate_sharing == "word_line" else g_pos),
        Source.NEGATIVE_GATE: SeenBy(gate, g_neg),
        Source.POSITIVE_CELLS: SeenBy(cells, g_pos),
        Source.NEGATIVE_CELLS: SeenBy(cells, g_neg),
    }


@dataclass
class NoiseState:
    """States of the four sources of noise. Reads and waiting times advance them in place.

    Attributes:
        gate: State of the gates of pairs, of positive cells, or of word lines.
        negative_gate: State of the gates of negative cells.
        positive_cells: State of the read noise of positive cells.
        negative_cells: State of the read noise of negative cells.
    """

    gate: Any
    negative_gate: Any
    positive_cells: Any
    negative_cells: Any

    @classmethod
    def initial(
        cls, g_pos: Floats, g_neg: Floats, hardware: Hardware, seed: np.random.SeedSequence
    ) -> "NoiseState":
        """Return the states of a new chip, drawn once.

        They hold the differences between devices, and where traps and thresholds start.

        Args:
            g_pos: Conductances of the positive cells [S].
            g_neg: Conductances of the negative cells [S].
            hardware: Gate, gate sharing and read noise.
            seed: Seed of the states.
        """
        sources = noise_sources(g_pos, g_neg, hardware)
        return cls(*(s.noise.init(s.g, rng=stream(seed, name)) for name, s in sources.items()))

    def __getitem__(self, source: Source) -> Any:
        return getattr(self, source.name.lower())

    def __setitem__(self, source: Source, state: Any) -> None:
        setattr(self, source.name.lower(), state)

    def pass_time(
        self,
        g_pos: Floats,
        g_neg: Floats,
        hardware: Hardware,
        seconds: float,
        seed: np.random.SeedSequence,
    ) -> None:
        """Advance all states by `seconds` [s] without a read."""
        for source, (noise, g) in noise_sources(g_pos, g_neg, hardware).items():
            self[source] = noise.advance(g, self[source], seconds, rng=stream(seed, source))


class NoiseHistory:
    """The noise state of one array from its programming on, with the seed of every waiting time.

    Args:
        g_pos: Conductances of the positive cells [S] just after programming.
        g_neg: Conductances of the negative cells [S] just after programming.
        hardware: Gate, gate sharing and read noise.
        initial_seed: Seed from which the states of the new chip are drawn.
        waiting_seed: Seed of the times without reads: the n-th draws from child n.
    """

    def __init__(
        self,
        g_pos: Floats,
        g_neg: Floats,
        hardware: Hardware,
        *,
        initial_seed: np.random.SeedSequence,
        waiting_seed: np.random.SeedSequence,
    ):
        self.state = NoiseState.initial(g_pos, g_neg, hardware, initial_seed)
        self._hardware = hardware
        self._waiting_seed = waiting_seed
        self._waits = 0

    def pass_time(self, g_pos: Floats, g_neg: Floats, seconds: float) -> None:
        """Let `seconds` [s] pass without a read of cells that are now g_pos, g_neg [S]."""
        if seconds > 0:
            self._waits += 1
            seed = child(self._waiting_seed, self._waits)
            self.state.pass_time(g_pos, g_neg, self._hardware, seconds, seed)
