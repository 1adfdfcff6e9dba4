"""Compiled loops that write lists of pulses, which rules give to `PulsedArray.listed`."""

from crossbar.arrays._pulse_kernels import accumulate as accumulate
from crossbar.arrays._pulse_kernels import add_rows as add_rows
from crossbar.arrays._pulse_kernels import count_coincidences as count_coincidences
from crossbar.arrays._pulse_kernels import list_slots as list_slots
from crossbar.arrays._pulse_kernels import round_steps as round_steps
from crossbar.arrays._pulse_kernels import take_steps as take_steps
