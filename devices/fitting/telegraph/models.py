"""From fitted chains to models of read noise for a `Device`."""

from collections.abc import Mapping

from devices.fitting.fit import Estimate
from devices.fitting.telegraph.chains import FreeLevels, Structure
from devices.fitting.telegraph.order import TRAPS, TWINS, Choice
from devices.fitting.telegraph.quantities import falling, values
from devices.fitting.telegraph.scale import Scale
from devices.read_noise.base import NoNoise, ReadNoise
from devices.read_noise.product import ProductNoise
from devices.read_noise.telegraph import TelegraphNoise


def _traps(found: Mapping[str, float]) -> list[tuple[float, float, float]]:
    """Return (amplitude, τ_c, τ_e) of each kind of trap, with an amplitude of at most 1."""
    names = [key.removeprefix("amplitude") for key in found if key.startswith("amplitude")]
    return [
        (
            min(found[f"amplitude{name}"], 1.0),
            found[f"tau_capture{name}"],
            found[f"tau_emission{name}"],
        )
        for name in names
    ]


def _of_traps(found: Mapping[str, float], traps: int) -> ReadNoise:
    factors = [TelegraphNoise(*one, traps=traps) for one in _traps(found)]
    return factors[0] if len(factors) == 1 else ProductNoise(*factors)


def _is_possible(found: Mapping[str, float]) -> bool:
    """Return whether a model exists: amplitudes above 0, and finite times."""
    return all(a > 0 and 0 < c < 1e300 and 0 < e < 1e300 for a, c, e in _traps(found))


def model_of(
    choice: Choice,
    structure: Structure,
    estimates: Mapping[str, Estimate],
    scale: Scale,
    period: float,
) -> tuple[ReadNoise, tuple[str, ...]]:
    """Return the read noise of what was chosen, and notes on where it does not fit.

    Args:
        choice: The candidates.
        structure: The structure of the best.
        estimates: Its quantities.
        scale: How the levels follow from conductances.
        period: Time from one read to the next [s].
    """
    if not isinstance(structure, FreeLevels) or structure.n == 2:
        found = {name: one.value for name, one in estimates.items()}
        traps = 2 if not isinstance(structure, FreeLevels) and structure.twins else 1
        notes: tuple[str, ...] = ()
        if any(value > 1 for name, value in found.items() if name.startswith("amplitude")):
            notes = (
                "A level lies below 0 S, within the noise or by an offset of the instrument; the "
                "model has an amplitude of 1.",
            )
        return _of_traps(found, traps), notes
    assert choice.best is not None
    near = [choice.candidates[name] for name in (TWINS, TRAPS) if name in choice.candidates]
    for one in sorted(near, key=lambda one: one.bic):
        own = one.maximum.structure
        found = values(own, falling(own, one.maximum.theta), scale, period)
        if not _is_possible(found):
            continue
        worse = one.bic - choice.best.bic
        note = (
            f"The {structure.n} levels do not switch as independent traps do: their criterion is "
            f"smaller by {worse:.0f} than that of {one.name}, which is the model nonetheless. "
            "Traps may depend on each other, or one has more than two states."
        )
        return _of_traps(found, 2 if one.name == TWINS else 1), (note,)
    note = (
        f"No model describes {structure.n} levels that are not those of independent traps; the "
        "model is without noise."
    )
    return NoNoise(), (note,)
