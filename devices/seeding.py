"""Random numbers: the keyword `rng` that every function takes, and named streams below one seed.

`rng` is a seed (a whole number), a numpy Generator, a SeedSequence or None, everywhere in this
project. A function that draws turns it into a Generator once, with `generator(rng)`. The same seed
gives the same draws; a Generator is used from where it stands, so that successive calls differ.

Work that may be split over threads, processes or batches must not depend on the order of its draws.
It draws from streams that have a name instead. The names are words: a module lists its streams in
an `IntEnum`, whose members are whole numbers and therefore valid keys.

    class Stream(IntEnum):
        PROGRAM = 0
        AGE = 1

    rng = stream(seed_sequence(7), Stream.PROGRAM, tile)  # tile: a whole number

The value of a member decides which numbers are drawn: append new members and never renumber old
ones. Where a change of the program must draw other numbers from one seed, raise `LAW_OF_DRAWS`.
"""

from typing import Any

import numpy as np

from devices.validation import shortened

#: Version of the law by which numbers are drawn from a seed. Marks of sweeps and checkpoints hold
#: it, so that no file gets numbers of two laws. docs/sampling.md lists what changed with each one.
LAW_OF_DRAWS = 4

RNG = int | np.random.Generator | np.random.SeedSequence | None


def seed_sequence(rng: RNG) -> np.random.SeedSequence:
    """Return the SeedSequence that `rng` stands for.

    Args:
        rng: A seed or a SeedSequence gives the same sequence on every call. A Generator gives a new
            child of its own sequence on every call, and None gives fresh entropy.

    Returns:
        The root of named streams; see `child` and `stream`.

    Raises:
        ValueError: If rng is something else, such as a negative number, a float or a bool.
    """
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if isinstance(rng, np.random.Generator):
        parent = rng.bit_generator.seed_seq
        assert isinstance(parent, np.random.SeedSequence)
        return parent.spawn(1)[0]
    if rng is None:
        return np.random.SeedSequence()
    # bool is a subclass of int: without the first test True would silently be the seed 1.
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)) or rng < 0:
        raise ValueError(
            f"rng = {shortened(rng)} is not allowed; give a seed (a whole number >= 0), a numpy "
            "Generator, a SeedSequence or None"
        )
    return np.random.SeedSequence(int(rng))


def law_mark() -> dict[str, int]:
    """Return what a mark tells of the law of draws: nothing of the first, which marks left out."""
    return {} if LAW_OF_DRAWS == 1 else {"law of draws": LAW_OF_DRAWS}


def generator(rng: RNG) -> np.random.Generator:
    """Return the Generator that `rng` stands for.

    Args:
        rng: A Generator is returned as it is and continues from where it stands. Anything else
            starts a new Generator on `seed_sequence(rng)`.

    Returns:
        The Generator to draw from.

    Raises:
        ValueError: If rng is not a seed, Generator, SeedSequence or None.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(seed_sequence(rng))


class _Named(np.random.SeedSequence):
    """A child that is mixed when it is first drawn from.

    Mixing takes 10 to 20 µs, and most children of a read only name those below them.
    """

    _mixed: np.random.SeedSequence | None = None

    def __new__(cls, entropy: Any, key: tuple[int, ...]) -> "_Named":
        return super().__new__(cls)

    def __init__(self, entropy: Any, key: tuple[int, ...]) -> None:
        self._of = entropy, key

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__
        if name in _OF_ITS_OWN:
            return own(self, "_of")[name == "spawn_key"]
        if name.startswith("_"):
            return own(self, name)
        return getattr(_mixed(self), name)

    def __repr__(self) -> str:
        return repr(_mixed(self))

    def __reduce__(self) -> Any:
        return _mixed(self).__reduce__()


_OF_ITS_OWN = frozenset({"entropy", "spawn_key"})


def _mixed(seed: _Named) -> np.random.SeedSequence:
    """Return the SeedSequence that a child stands for."""
    if seed._mixed is None:
        entropy, key = seed._of
        seed._mixed = np.random.SeedSequence(entropy, spawn_key=key)
    return seed._mixed


def child(seed: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Return the child of `seed` that is named by `key`.

    The same key names the same child, in any order of calls and in any process.

    Args:
        seed: The parent.
        key: Whole numbers or members of an IntEnum; several of them name a child of a child.
    """
    return _Named(seed.entropy, (*seed.spawn_key, *key))


def stream(seed: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Return a new Generator on the child of `seed` that `key` names; arguments as of `child`."""
    return np.random.default_rng(child(seed, *key))


def seed_number(seed: np.random.SeedSequence) -> int:
    """Return a whole number of 63 bits made from `seed`, for libraries that take only numbers."""
    return int(seed.generate_state(1, np.uint64)[0] >> 1)
