"""A normal programming error that devices do not clip."""

from dataclasses import dataclass

from devices import StateDependentError


@dataclass(frozen=True, kw_only=True)
class UnboundedError(StateDependentError):
    """A `StateDependentError` whose cells may leave the device's range.

    Formulas of arrays that hold for any size of the error are tested with it: a device would clip
    the error of cells at g_min and g_max, which has tests of its own.
    """

    @property
    def has_own_range(self) -> bool:
        return True
