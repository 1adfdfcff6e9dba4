"""One keyword `rng`: a seed, a numpy Generator, a SeedSequence or None; child streams are named by integers."""

import numpy as np

RNG = int | np.random.Generator | np.random.SeedSequence | None


def seed_sequence(rng: RNG) -> np.random.SeedSequence:
    """Return the SeedSequence behind `rng`; a Generator gives a fresh child on every call, None gives entropy."""
    if isinstance(rng, np.random.SeedSequence):
        return rng
    if isinstance(rng, np.random.Generator):
        parent = rng.bit_generator.seed_seq
        assert isinstance(parent, np.random.SeedSequence)
        return parent.spawn(1)[0]
    if rng is None:
        return np.random.SeedSequence()
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)) or rng < 0:
        raise ValueError(
            f"rng = {rng!r} is not allowed; give a seed (a whole number >= 0), a numpy Generator, or None"
        )
    return np.random.SeedSequence(int(rng))


def generator(rng: RNG) -> np.random.Generator:
    """Return a numpy Generator for `rng`: a Generator as it is, drawn from where it stands."""
    return (
        rng if isinstance(rng, np.random.Generator) else np.random.default_rng(seed_sequence(rng))
    )


def child(seed: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Return the child of `seed` named by `key`: the same name is the same stream, in any order, in any process."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key))


def stream(seed: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Return a generator on the child of `seed` named by `key`."""
    return np.random.default_rng(child(seed, *key))


def seed_number(seed: np.random.SeedSequence) -> int:
    """Return a whole number of 63 bits that stands for `seed`, where a plain seed is needed."""
    return int(seed.generate_state(1, np.uint64)[0] >> 1)
