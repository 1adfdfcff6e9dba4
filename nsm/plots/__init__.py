"""Figures: robustness curves, chips, devices, wires, uncertainty. All take and return matplotlib Axes."""

from nsm.plots.chips import draw_chip as draw_chip
from nsm.plots.chips import plot_conductance_map as plot_conductance_map
from nsm.plots.chips import plot_firing_probability as plot_firing_probability
from nsm.plots.chips import plot_weight_error as plot_weight_error
from nsm.plots.style import COLORS as COLORS
from nsm.plots.style import COLUMN as COLUMN
from nsm.plots.style import LINES as LINES
from nsm.plots.style import MARKERS as MARKERS
from nsm.plots.style import STYLE as STYLE
from nsm.plots.style import figure as figure
from nsm.plots.style import save_figure as save_figure
from nsm.plots.sweeps import AXIS_LABELS as AXIS_LABELS
from nsm.plots.sweeps import plot_error_rate as plot_error_rate
