"""Classification that stops reading an image once its class is certain."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.seeding import RNG, child, seed_sequence
from devices.validation import integer, number
from nsm.chips.class_scores import class_probabilities
from nsm.chips.streams import Stream
from nsm.nn.inference import Floats, Labels

if TYPE_CHECKING:
    from nsm.chips.monte_carlo import MonteCarlo

#: Samples before an image can be certain: fewer give no estimate of the variance.
FIRST_ROUND = 16


def classify(
    chip: "MonteCarlo",
    x: ArrayLike,
    samples: int,
    *,
    confidence: float,
    rng: RNG = None,
    sampling: str = "exact",
) -> tuple[Labels, Labels]:
    """Return the most probable class of every image and the samples taken, (batch,) each.

    Images that are still open are read in rounds of doubling size. An image is closed when the mean
    difference between the probabilities of its two best classes exceeds z standard errors, with z
    two-sided at 1 − confidence divided by the number of rounds. About 1 − confidence of the images,
    at most, end in another class than all samples would give.

    Args:
        chip: The chip.
        x: Images, (batch, ...).
        samples: Largest number of samples of an image.
        confidence: Confidence of a decision, in (0, 1).
        rng: Seed, Generator or None.
        sampling: "exact" or "moments".
    """
    images = chip.check_images(x)
    if chip.inputs.pixels:
        raise ValueError(
            "confidence stops reading images whose one class is certain, but this network gives a "
            "class for every pixel; leave confidence out"
        )
    integer("samples", samples, at_least=1)
    number("confidence", confidence, above=0, below=1)
    seed = child(seed_sequence(rng), Stream.EARLY_STOPPING)
    ends = _ends_of_rounds(samples)
    z = _standard_errors(confidence, len(ends))
    batch = chip.inputs.batch(images)
    total = np.zeros((batch, chip.classes))
    square = np.zeros((batch, chip.classes, chip.classes))
    taken = np.zeros(batch, dtype=np.int64)
    still_open = np.arange(batch)
    start = 0
    for round_number, end in enumerate(ends):
        if not len(still_open):
            break
        some = chip.inputs.chosen(images, still_open)
        spans = chip.runs(some, end - start, child(seed, round_number), sampling=sampling)
        p = np.concatenate(
            [class_probabilities(part, chip.softmax_temperature) for _, part in spans]
        )
        classes = p.shape[1]
        if not start:
            total, square = np.zeros((batch, classes)), np.zeros((batch, classes, classes))
        p = p.reshape(len(still_open), end - start, classes)
        total[still_open] += p.sum(axis=1)
        square[still_open] += np.einsum("isa,isb->iab", p, p)
        taken[still_open] = end
        certain = _is_certain(total[still_open], square[still_open], end, z)
        still_open = still_open[~certain]
        start = end
    return total.argmax(axis=1), taken


def _ends_of_rounds(samples: int) -> list[int]:
    """Return the number of samples after each round: it doubles from `FIRST_ROUND` to `samples`."""
    ends = []
    n = FIRST_ROUND
    while n < samples:
        ends.append(n)
        n *= 2
    return [*ends, samples]


def _standard_errors(confidence: float, rounds: int) -> float:
    """Return z of a two-sided test at 1 − confidence, shared between the rounds (Bonferroni)."""
    from scipy.special import ndtri

    return float(ndtri(1 - (1 - confidence) / (2 * rounds)))


def _is_certain(total: Floats, square: Floats, n: int, z: float) -> NDArray[np.bool_]:
    """Return for which images the two best classes differ by more than z standard errors after n
    samples.

    Args:
        total: Σ p over the samples, (images, classes).
        square: Σ p pᵀ over the samples, (images, classes, classes).
        n: Number of samples.
        z: Standard errors.
    """
    if total.shape[1] < 2:
        return np.ones(len(total), dtype=bool)
    rows = np.arange(len(total))
    best, second = np.argsort(total, axis=1)[:, :-3:-1].T
    mean = (total[rows, best] - total[rows, second]) / n
    moment = square[rows, best, best] + square[rows, second, second]
    moment = moment - 2 * square[rows, best, second]
    # The variance about zero, since the question is whether there is a difference; at least 1/n,
    # since a few samples may all agree.
    variance = np.maximum(moment / n, 1 / n)
    return np.asarray(mean > z * np.sqrt(variance / n))
