"""The two ways to sample reads, by name."""

from devices.validation import choice

#: "exact" draws every gate and cell, or the same law faster; "moments" draws one normal per output.
SAMPLINGS = ("exact", "moments")


def check_sampling(sampling: str) -> str:
    """Return `sampling` if it is known.

    Raises:
        ValueError: `SAMPLINGS` does not contain it.
    """
    return choice("sampling", sampling, SAMPLINGS)
