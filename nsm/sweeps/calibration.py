"""How every chip of a sweep is calibrated, and where a converter is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crossbar.hardware import Hardware
from devices.validation import choice
from nsm.chips.converter_range import checked_percentile

if TYPE_CHECKING:
    from nsm.chips.planning.plan import PlannedLayer

#: Options of a calibration beside its images, and their defaults; see `MappedNetwork.calibrate`.
OPTIONS: dict[str, Any] = {"method": "max", "percentile": None, "per": "layer"}


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibration of every chip of a sweep.

    Attributes:
        images: Images (n, ...), or a tuple of arrays for several inputs.
        options: The options of `MappedNetwork.calibrate`.
    """

    images: Any
    options: Mapping[str, Any]

    @classmethod
    def given(cls, calibrate: Any) -> Calibration | None:
        """Return the calibration that `collect` got; its images are checked later.

        Args:
            calibrate: None, images, or a mapping with "x" and options.

        Raises:
            ValueError: There are no images, or an option is unknown or wrong.
        """
        if calibrate is None:
            return None
        table = dict(calibrate) if isinstance(calibrate, Mapping) else {"x": calibrate}
        for key in table:
            choice("key of calibrate", key, ("x", *OPTIONS))
        if "x" not in table:
            raise ValueError(
                f"calibrate = {dict(calibrate)!r} has no images; give them as "
                '{"x": images, ...}, such as a hundred training images'
            )
        images = table.pop("x")
        return cls(images, checked_options(table))


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a calibration, checked; those that are not given are the defaults.

    Raises:
        ValueError: An option is unknown or wrong, or has no effect.
    """
    for key in options:
        choice("option of the calibration", key, OPTIONS)
    found = OPTIONS | dict(options)
    checked_percentile(found["method"], found["percentile"], found["per"])
    return found


def has_open_adc(layer: PlannedLayer, hardware: Hardware) -> bool:
    """Return whether a layer is read by converters whose range a calibration sets."""
    return layer.has_linear_outputs and hardware.adc is not None and hardware.adc.range is None
