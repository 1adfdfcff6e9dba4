"""The law of a read, written once for numpy arrays and torch tensors.

A read of the pair at word line j and bit line i, with input x_j, gate factor ξ_ij and cell factors
c±, adds x_j ξ_ij (c⁺ G⁺ − c⁻ G⁻) to the sum u_i. In two cases u can be drawn without a factor for
every cell:

- `gaussian_sums`: all factors are Gaussian and fresh on every read, and no gate multiplies a noisy
cell. Then u is Gaussian.
- `bernoulli_sums`: gates are Bernoulli, and the noise of the cells is Gaussian. Given the gates, u
is then Gaussian around the gated sum of the signals.
"""

from collections.abc import Callable, Sequence
from typing import Any

from crossbar.reads.conductances import ReferenceColumns

#: A numpy array or a torch tensor.
Array = Any


def gaussian_sums(
    mean: Array,
    own_std: Array | None,
    shared_std: Array | None,
    reference_of: Any,
    normals: Callable[[str, int], Array],
) -> Array:
    """Return u = mean + own_std n + (shared_std n')[reference of each output], (reads, outputs).

    Args:
        mean: Mean of every read, (reads, outputs). It is overwritten.
        own_std: Standard deviation that outputs do not share, (reads or 1, outputs); None for no
            noise.
        shared_std: Standard deviation of the reference columns, (reads or 1, references); None for
            no noise.
        reference_of: Column of the references that serves each output.
        normals: normals("own" or "shared", columns) returns standard normals (reads, columns).
    """
    u = mean
    if own_std is not None:
        u += own_std * normals("own", u.shape[1])
    if shared_std is not None:
        u += (shared_std * normals("shared", shared_std.shape[1]))[:, reference_of]
    return u


def bernoulli_sums(
    columns: Sequence[ReferenceColumns],
    draw: Callable[[int], tuple[Array, Array | None, Array | None]],
    unit: float = 1.0,
) -> Array:
    """Return u = unit · Σ ± (signal + √variance n / unit) over one or two polarities, (reads,
    outputs).

    Args:
        columns: For each polarity, the column that serves each output; None for one column per
            output. One entry for pairs, two for positive and negative cells.
        draw: draw(index) returns, for one polarity under the gates of these reads, the sum of its
            signals in units of `unit`, the variance of its cells, and standard normals. The last
            two are None for cells without noise.
        unit: Common unit of the signals of two polarities; whole numbers of it cancel exactly. It
            stays 1 where there is one polarity.
    """
    parts = []
    for index, of_outputs in enumerate(columns):
        part, variance, normals = draw(index)
        if variance is not None:
            part += variance.clip(0) ** 0.5 / unit * normals
        parts.append(part if of_outputs is None else part[:, of_outputs])
    return parts[0] if len(parts) == 1 else (parts[0] - parts[1]) * unit
