"""Normal numbers that a seed promises and nobody uses."""

import numpy as np

#: Numbers that are drawn at once: as many as the second cache holds. Threads wait for each other
#: after every drawing.
_AT_ONCE = 1 << 15
#: Numbers that a process skips before it loads the compiled loop, which takes a third of a second
#: and saves 7 ns for each number: the cells of ten MNIST perceptrons.
WORTH_LOADING = 1 << 25
_skipped = 0


def skip_normals(random: np.random.Generator, n: int) -> None:
    """Leave a Generator as if it had drawn n standard normal numbers.

    Args:
        random: The Generator.
        n: How many.
    """
    global _skipped
    _skipped += n
    if _skipped > WORTH_LOADING:
        from devices.pulses import _kernels

        with random.bit_generator.lock:
            _kernels.skip_normals(random, n)
        return
    drawn = np.empty(min(n, _AT_ONCE))
    for start in range(0, n, _AT_ONCE):
        random.standard_normal(out=drawn[: n - start])
