"""Figures: robustness curves, chips, devices, data sheets, wires, uncertainty, and the HTML page.

Plotting functions take matplotlib Axes (`ax=`), or make a new figure, and return the Axes.
"""

from nsm.plots.chips import draw_chip as draw_chip
from nsm.plots.chips import plot_conductance_map as plot_conductance_map
from nsm.plots.chips import plot_firing_probability as plot_firing_probability
from nsm.plots.chips import plot_weight_error as plot_weight_error
from nsm.plots.datasheet import data_sheet as data_sheet
from nsm.plots.datasheet import save_data_sheet as save_data_sheet
from nsm.plots.devices import plot_gamma as plot_gamma
from nsm.plots.style import COLORS as COLORS
from nsm.plots.style import COLUMN as COLUMN
from nsm.plots.style import LINES as LINES
from nsm.plots.style import MARKERS as MARKERS
from nsm.plots.style import NETWORK_PLACES as NETWORK_PLACES
from nsm.plots.style import STYLE as STYLE
from nsm.plots.style import dark_theme as dark_theme
from nsm.plots.style import figure as figure
from nsm.plots.style import legend_above as legend_above
from nsm.plots.style import save_figure as save_figure
from nsm.plots.style import styled as styled
from nsm.plots.sweeps import plot_error_rate as plot_error_rate
from nsm.plots.tolerance import tolerance as tolerance
from nsm.plots.uncertainty import plot_over_rotation as plot_over_rotation
from nsm.plots.uncertainty import plot_reliability as plot_reliability
from nsm.plots.wires import plot_tile_map as plot_tile_map
from nsm.plots.wires import plot_wire_loss as plot_wire_loss
from nsm.sweeps.axis_labels import AXIS_LABELS as AXIS_LABELS
