"""The states of an array's four sources of noise: their names, their streams, waiting times."""

from dataclasses import fields

import numpy as np
import pytest

from crossbar import Hardware, ReferenceColumn
from crossbar.reads.noise_state import NoiseHistory, NoiseState, Source, noise_sources
from devices import Device, ReadNoise
from devices.seeding import child, generator, stream

SEED = np.random.SeedSequence(3)
G_POS = np.full((4, 3), 2e-6)
G_NEG = np.full((4, 3), 1e-6)


class Memory(ReadNoise):
    """Noise whose state is one number per cell: uniform at first, and a random walk in time."""

    has_memory = True

    def moments(self, g):
        return np.ones(np.shape(g)), np.zeros(np.shape(g))

    def sample(self, g, state, n_reads, *, rng, period):
        raise AssertionError("waiting times make no reads")

    def init(self, g, *, rng):
        return generator(rng).random(np.shape(g))

    def advance(self, g, state, seconds, *, rng):
        return state + seconds * generator(rng).random(np.shape(g))


HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-5, read_noise=Memory()), gate=Memory())


def states(state):
    """Return a copy of the state of every source."""
    return {source: state[source].copy() for source in Source}


def test_every_source_has_a_slot_of_its_name():
    assert [field.name for field in fields(NoiseState)] == [s.name.lower() for s in Source]
    state = NoiseState(gate="a", negative_gate="b", positive_cells="c", negative_cells="d")
    assert [state[source] for source in Source] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("source", Source)
def test_setting_the_state_of_a_source_leaves_the_others(source):
    state = NoiseState(*(None for _ in Source))
    state[source] = "new"
    assert getattr(state, source.name.lower()) == "new"
    assert [state[other] for other in Source if other != source] == [None] * 3


def test_the_first_state_of_a_source_is_drawn_from_the_stream_that_it_names():
    state = NoiseState.initial(G_POS, G_NEG, HARDWARE, SEED)
    for source in Source:
        np.testing.assert_array_equal(state[source], stream(SEED, source).random((4, 3)))


@pytest.mark.parametrize(
    ("sharing", "gate"), [("pair", (4, 3)), ("cell", (4, 3)), ("word_line", (4,))]
)
def test_a_gate_has_a_state_per_cell_or_per_word_line(sharing, gate):
    hardware = Hardware(
        device=HARDWARE.device, gate=Memory(), gate_sharing=sharing, mapping=ReferenceColumn()
    )
    state = NoiseState.initial(G_POS, G_NEG[:, :1], hardware, SEED)
    assert state.gate.shape == gate
    assert state.positive_cells.shape == (4, 3)
    assert state.negative_cells.shape == state.negative_gate.shape == (4, 1)


def test_sources_see_the_conductances_of_their_cells():
    sources = noise_sources(G_POS, G_NEG, HARDWARE)
    assert [sources[source].g is G_NEG for source in Source] == [False, True, False, True]
    assert sources[Source.GATE].noise is HARDWARE.gate
    assert sources[Source.POSITIVE_CELLS].noise is HARDWARE.device.read_noise


def test_a_waiting_time_advances_the_states_of_all_four_sources():
    state = NoiseState.initial(G_POS, G_NEG, HARDWARE, SEED)
    before = states(state)
    seed = child(SEED, 9)
    state.pass_time(G_POS, G_NEG, HARDWARE, 2.0, seed)
    for source in Source:
        walk = 2.0 * stream(seed, source).random((4, 3))
        np.testing.assert_array_equal(state[source], before[source] + walk)


def history_of(*seconds):
    """Return the history of an array after some waiting times [s]."""
    history = NoiseHistory(
        G_POS, G_NEG, HARDWARE, initial_seed=child(SEED, 0), waiting_seed=child(SEED, 1)
    )
    for time in seconds:
        history.pass_time(G_POS, G_NEG, time)
    return history


def test_the_nth_waiting_time_draws_from_a_stream_that_its_number_names():
    expected = NoiseState.initial(G_POS, G_NEG, HARDWARE, child(SEED, 0))
    for n, seconds in enumerate((1.0, 0.5, 1.0), start=1):
        expected.pass_time(G_POS, G_NEG, HARDWARE, seconds, child(SEED, 1, n))
    found = history_of(1.0, 0.5, 1.0).state
    for source in Source:
        np.testing.assert_array_equal(found[source], expected[source])


def test_two_equal_waiting_times_draw_different_numbers():
    start, once, twice = (states(history_of(*[1.0] * n).state) for n in (0, 1, 2))
    for source in Source:
        first, second = once[source] - start[source], twice[source] - once[source]
        assert (first != second).all()


def test_a_waiting_time_of_zero_changes_nothing_and_is_not_counted():
    found, expected = history_of(0.0, 1.0, 0.0, 2.0), history_of(1.0, 2.0)
    for source in Source:
        np.testing.assert_array_equal(found.state[source], expected.state[source])
        np.testing.assert_array_equal(history_of(0.0).state[source], history_of().state[source])
