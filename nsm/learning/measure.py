"""What is measured while a chip learns."""

from typing import Any

import numpy as np

from devices.seeding import child
from nsm.learning.draws import Stream
from nsm.learning.run import Run


def measure(run: Run, validation: Any) -> dict[str, float]:
    """Return the numbers of the samples since the last measurement, and add them as a row."""
    arrays = list(run.network.arrays().values())
    cells = [array.weights.size for array in arrays]
    row = {
        "samples": float(run.done),
        "epoch": run.done / len(run.images),
        "loss": run.loss / max(run.seen, 1),
        "online_error": run.wrong / max(run.seen, 1),
    }
    if validation is not None:
        run.network.commit()
        seed = child(run.seed, Stream.VALIDATION, run.done)
        images, labels = validation
        row["error"] = run.network.chip.error_rate(
            images,
            labels,
            samples=run.settings.validation_samples,
            sampling=run.settings.sampling,
            rng=seed,
        )
    every = [side for array in run.all_arrays().values() for side in array.sides]
    row["pulses"] = float(sum(s.counts.up + s.counts.down for s in every))
    row["writes"] = float(sum(s.counts.writes for s in every))
    row["saturated"] = float(np.average([a.saturated() for a in arrays], weights=cells))
    row["path_error"] = _path_error(run)
    run.history.append(row)
    return row


def _path_error(run: Run) -> float:
    """Return the root mean square of path minus main array, relative to the weights."""
    pairs = [
        (layer.arrays.path.weights, layer.arrays.main.weights)
        for layer in run.network.layers
        if layer.arrays.path is not None
    ]
    if not pairs:
        return float("nan")
    off = sum(float(np.square(p - w, dtype=np.float64).sum()) for p, w in pairs)
    size = sum(float(np.square(w, dtype=np.float64).sum()) for _, w in pairs)
    return float(np.sqrt(off / size))
