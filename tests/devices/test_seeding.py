"""Seeds, and random streams that are named by words."""

import copy
import pickle
from enum import IntEnum

import numpy as np

from devices.seeding import child, generator, seed_number, seed_sequence, stream


class Stream(IntEnum):
    PROGRAM = 0
    READ = 3


SEED = seed_sequence(7)


def test_a_seed_draws_what_numpy_draws_from_it():
    assert generator(7).random() == np.random.default_rng(7).random()


def test_the_same_name_is_the_same_stream_in_any_order():
    first = stream(SEED, Stream.PROGRAM).random()
    other = stream(SEED, Stream.READ).random()
    assert stream(SEED, Stream.READ).random() == other != first
    assert stream(seed_sequence(7), Stream.PROGRAM).random() == first


def test_a_name_draws_what_its_number_draws():
    assert stream(SEED, Stream.READ, 5).random() == stream(SEED, 3, 5).random()
    assert child(SEED, Stream.READ).spawn_key == (3,)


def test_a_longer_key_is_a_child_of_a_child():
    assert child(child(SEED, 1), 2).spawn_key == child(SEED, 1, 2).spawn_key


def test_a_generator_gives_a_new_sequence_on_every_call(rng):
    assert seed_sequence(rng).spawn_key != seed_sequence(rng).spawn_key


def test_a_seed_number_is_fixed_and_fits_63_bits():
    assert seed_number(SEED) == seed_number(seed_sequence(7))
    assert 0 <= seed_number(SEED) < 2**63


def test_a_child_is_the_seed_sequence_of_its_name():
    named, plain = (
        child(np.random.SeedSequence(5), 1, 2),
        np.random.SeedSequence(5, spawn_key=(1, 2)),
    )
    assert (named.entropy, named.spawn_key) == (plain.entropy, plain.spawn_key)
    for twin in (named, pickle.loads(pickle.dumps(named)), copy.deepcopy(named)):
        np.testing.assert_array_equal(twin.generate_state(5), plain.generate_state(5))
        assert twin.state == plain.state
        assert repr(twin) == repr(plain)
    assert [s.spawn_key for s in named.spawn(2)] == [s.spawn_key for s in plain.spawn(2)]
    assert named.n_children_spawned == 2
