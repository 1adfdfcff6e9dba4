"""Whether the test images resolve one point of error, and what is said where they do not.

The error of a network on n images is a count of wrong images, so that the difference of two errors
p and q has the standard error √((p(1 − p) + q(1 − q))/n) (binomial counts; on the same images it is
rather smaller). Without a wrong image, one is counted.
"""

import math
from collections.abc import Sequence

#: Largest tolerated rise of the error [percentage points].
ALLOWED = 1.0
#: Text of a limit that no value of the sweep shows.
NOT_RESOLVED = "not resolved"


def difference_error(first: float, second: float, images: int) -> float:
    """Return the standard error of the difference of two errors [percentage points].

    Args:
        first: One error [%].
        second: The other error [%].
        images: Number of test images n.
    """
    shares = [min(max(percent / 100, 1 / images), 1.0) for percent in (first, second)]
    return 100 * math.sqrt(sum(p * (1 - p) for p in shares) / images)


def resolves_one_point(percent: float, images: int) -> bool:
    """Return whether one point is at least one standard error of the difference of two errors.

    Args:
        percent: Error at the point of comparison [%]; the other error is about the same.
        images: Number of test images.
    """
    return difference_error(percent, percent, images) <= ALLOWED


def bracket(texts: Sequence[str], errors: Sequence[float], images: int, *, rising: bool) -> str:
    """Return between which values of a sweep one point is lost, such as "between 8 and 32".

    The upper end of the loss is the first value whose error lies above the allowed one by more
    than one standard error of the difference; the other end is the last value before the mean
    error rises by more than one point.

    Args:
        texts: Values from the point of comparison outward.
        errors: Mean error at each of them [%].
        images: Number of test images.
        rising: Whether values grow outward; the text names the smaller value first.

    Returns:
        The text, or `NOT_RESOLVED` if no value lies above by so much.
    """
    rises = [error - errors[0] for error in errors]
    lost = [
        rise > ALLOWED + difference_error(errors[0], error, images)
        for rise, error in zip(rises, errors, strict=True)
    ]
    if not any(lost):
        return NOT_RESOLVED
    over = lost.index(True)
    kept = next(i for i, rise in enumerate(rises) if rise > ALLOWED) - 1
    low, high = (kept, over) if rising else (over, kept)
    return f"between {texts[low]} and {texts[high]}"
