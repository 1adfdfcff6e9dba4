"""Names of the random streams of a chip's seed."""

from enum import IntEnum


class Stream(IntEnum):
    """What the streams of a seed are for; the first key of each.

    Mapping and reading a chip with the same seed therefore share no random number.
    """

    MAP = 0
    SAMPLE = 1
    FIRING = 2
    EARLY_STOPPING = 3
    CALIBRATION = 4
    REFERENCE_READ = 5
    COMPENSATION = 6
    TEMPERATURE = 7
    TRAINING = 8
    TUNING = 9
    FAILURES = 10
