"""Names of the random streams of a chip's seed."""

from enum import IntEnum


class Stream(IntEnum):
    """First names of the streams of a seed.

    A chip mapped and read with the same seed shares no draw between the two.
    """

    MAP = 0
    SAMPLE = 1
    FIRING = 2
    EARLY_STOPPING = 3
