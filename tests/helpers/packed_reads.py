"""Arrays that are read on packed bits, for the tests of reads."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from crossbar import BalancedPair, DifferentialPair, Hardware, ReferenceColumn, TiledArray
from crossbar.reads.digits import digit_tables
from crossbar.reads.gated_sums import gated_sums
from crossbar.reads.inputs import Inputs
from crossbar.reads.normals import normals
from crossbar.reads.packed import Packed
from crossbar.reads.span import Span
from crossbar.threads import threads
from devices import (
    BlankOut,
    Device,
    LognormalNoise,
    NoNoise,
    StochasticSelector,
    TelegraphNoise,
)

SEED = np.random.SeedSequence(20240607)

MAPPINGS = {m.__name__: m() for m in (DifferentialPair, BalancedPair, ReferenceColumn)}


# Levels are 1 µS apart, and g_min is one step: all conductances are multiples of the step.
GRID = Device(g_min=1e-6, g_max=1e-5, levels=10)

CONTINUOUS = replace(GRID, levels=None)

mappings = pytest.mark.parametrize("mapping", MAPPINGS)


def array_of(w, device=GRID, k=None, **options):
    """Return an array programmed with w, with a blank-out gate unless the options give another."""
    hardware = Hardware(device=device, tile_shape=(2048, 512), **{"gate": BlankOut(0.5), **options})
    k = k or hardware.mapping.siemens_per_weight(np.abs(w).max(), device)
    return TiledArray.program(w, hardware, siemens_per_weight=k, rng=0)


def largest(digits):
    """Return the largest integer with that many balanced digits to the base 63."""
    return (63**digits - 1) // 2


def mask_bytes(seed, span, inputs, columns, p):
    """Return the masks that the kernel draws, a byte per octet of inputs, (reads, octets, columns).

    They are read off as sums: weights are 2^i for the inputs of one octet and 0 for all others.
    """
    ones = Packed.of(np.ones((1, inputs)))[0]
    always = replace(span, repeats=span.last)
    masks = np.empty((span.reads, -(-inputs // 8), columns), dtype=np.uint8)
    for octet in range(masks.shape[1]):
        w = np.zeros((inputs, columns))
        w[8 * octet : 8 * octet + 8] = 2.0 ** np.arange(min(8, inputs - 8 * octet))[:, None]
        masks[:, octet] = gated_sums(digit_tables([w], 1.0, 3)[0], ones, always, seed, p)
    return masks


#: Traps that switch rarely between two reads, and that switch between any two.
TRAPS = (TelegraphNoise(0.5, 1e-4, 2e-5, 2), TelegraphNoise(0.5, 1e-5, 2e-5))


def numbers_of_traps():
    """Return reads of traps behind gates, by their compiled loops, in hex."""
    rng = np.random.default_rng(0)
    w, x = rng.uniform(-1, 1, (3, 75)), rng.choice([-1.0, 0.0, 1.0], (70, 75))
    numbers = []
    for noise in TRAPS:
        other = array_of(w, replace(CONTINUOUS, read_noise=noise), gate=BlankOut(0.5))
        numbers.append(other.read(x, rng=1).tobytes().hex())
    return numbers


def numbers_of_vectors(traps=True):
    """Return how gated reads are compiled, and numbers of all compiled loops of vectors, in hex.

    Without traps, whose loops take a minute to compile, all others.
    """
    rng = np.random.default_rng(0)
    w, x = rng.uniform(-1, 1, (3, 75)), rng.choice([-1.0, 0.0, 1.0], (70, 75))
    array = array_of(w, CONTINUOUS)
    sums = array.read(x, rng=1)
    numbers = [sums, normals(Span(0, 9), 150, SEED)]
    selector = StochasticSelector.with_p(0.3, spread=0.5, correlation=0.5)
    own = StochasticSelector.with_p(0.3, spread=0.5)
    kinds = (LognormalNoise(0.4), BlankOut(0.5)), (NoNoise(), selector), (NoNoise(), own)
    for noise, gate in kinds:
        other = array_of(w, replace(CONTINUOUS, read_noise=noise), gate=gate)
        numbers.append(other.read(x, rng=1))
    of_traps = numbers_of_traps() if traps else []
    return array.reader.describe(), [*(a.tobytes().hex() for a in numbers), *of_traps]


def whole_and_in_parts(whole, parts, x, edges):
    """Return the reads of one array at once on one thread, and of its twin in parts on three.

    Every input is read three times; edges: where the parts begin and end, in reads.
    """
    with threads(1):
        u = whole.read_span(Inputs(x), Span(0, edges[-1], 3), SEED)
    with threads(3):
        found = [
            parts.read_span(Inputs(x[a // 3 : (b - 1) // 3 + 1]), Span(a, b, 3), SEED)
            for a, b in itertools.pairwise(edges)
        ]
    return u, np.concatenate(found)
