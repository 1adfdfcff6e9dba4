"""Measurements of cells: files, units, fits, and the device files that they become.

from nsm.measurements import fit_measurement, read_measurement, write_device
traces = read_measurement("traces.csv", "read-noise", unit="µS")
write_device("mine.toml", [(traces, fit_measurement(traces))])
"""

from typing import TYPE_CHECKING

from nsm.lazy import lazy_exports

if TYPE_CHECKING:  # for type checkers and editors; at run time the table below serves them
    from nsm.measurements.device_file import write_device as write_device
    from nsm.measurements.fits import fit_measurement as fit_measurement
    from nsm.measurements.kinds import KINDS as KINDS
    from nsm.measurements.read import read_measurement as read_measurement
    from nsm.measurements.reading import Measurement as Measurement
    from nsm.measurements.tables import read_table as read_table
    from nsm.measurements.units import UNITS as UNITS

_EXPORTS = {
    "write_device": "nsm.measurements.device_file",
    "fit_measurement": "nsm.measurements.fits",
    "KINDS": "nsm.measurements.kinds",
    "read_measurement": "nsm.measurements.read",
    "Measurement": "nsm.measurements.reading",
    "read_table": "nsm.measurements.tables",
    "UNITS": "nsm.measurements.units",
}
__all__ = list(_EXPORTS)
__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
