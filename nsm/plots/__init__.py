"""Figures: robustness curves, heat maps, chips, devices, data sheets, wires, uncertainty.

Plotting functions take matplotlib Axes (`ax=`), or make a new figure, and return the Axes.
"""

from typing import TYPE_CHECKING

from nsm.lazy import lazy_exports

if TYPE_CHECKING:  # for type checkers and editors; at run time the table below serves them
    from nsm.plots.chips import draw_chip as draw_chip
    from nsm.plots.chips import plot_conductance_map as plot_conductance_map
    from nsm.plots.chips import plot_firing_probability as plot_firing_probability
    from nsm.plots.chips import plot_weight_error as plot_weight_error
    from nsm.plots.crossing import tolerated as tolerated
    from nsm.plots.datasheet import data_sheet as data_sheet
    from nsm.plots.datasheet import save_data_sheet as save_data_sheet
    from nsm.plots.devices import plot_gamma as plot_gamma
    from nsm.plots.heat_map import facet_heat_map as facet_heat_map
    from nsm.plots.heat_map import plot_heat_map as plot_heat_map
    from nsm.plots.learning import plot_devices as plot_devices
    from nsm.plots.learning import plot_learning as plot_learning
    from nsm.plots.learning import plot_pulses_per_cell as plot_pulses_per_cell
    from nsm.plots.learning import plot_walls as plot_walls
    from nsm.plots.notes import note_below as note_below
    from nsm.plots.notes import note_figure as note_figure
    from nsm.plots.presets import plot_preset_errors as plot_preset_errors
    from nsm.plots.presets import preset_table as preset_table
    from nsm.plots.small_print import conditions as conditions
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
    from nsm.plots.style import style_of as style_of
    from nsm.plots.style import styled as styled
    from nsm.plots.sweeps import facet_error_rate as facet_error_rate
    from nsm.plots.sweeps import plot_error_rate as plot_error_rate
    from nsm.plots.ticks import separate_tick_labels as separate_tick_labels
    from nsm.plots.tolerances import plot_tolerance_map as plot_tolerance_map
    from nsm.plots.tolerances import plot_tolerances as plot_tolerances
    from nsm.plots.uncertainty import plot_over_rotation as plot_over_rotation
    from nsm.plots.uncertainty import plot_reliability as plot_reliability
    from nsm.plots.wires import plot_tile_map as plot_tile_map
    from nsm.plots.wires import plot_wire_loss as plot_wire_loss
    from nsm.sweeps.axis_labels import AXIS_LABELS as AXIS_LABELS

_EXPORTS = {
    "draw_chip": "nsm.plots.chips",
    "plot_conductance_map": "nsm.plots.chips",
    "plot_firing_probability": "nsm.plots.chips",
    "plot_weight_error": "nsm.plots.chips",
    "data_sheet": "nsm.plots.datasheet",
    "save_data_sheet": "nsm.plots.datasheet",
    "conditions": "nsm.plots.small_print",
    "plot_gamma": "nsm.plots.devices",
    "facet_heat_map": "nsm.plots.heat_map",
    "plot_heat_map": "nsm.plots.heat_map",
    "plot_devices": "nsm.plots.learning",
    "plot_learning": "nsm.plots.learning",
    "plot_pulses_per_cell": "nsm.plots.learning",
    "plot_walls": "nsm.plots.learning",
    "note_below": "nsm.plots.notes",
    "note_figure": "nsm.plots.notes",
    "plot_preset_errors": "nsm.plots.presets",
    "preset_table": "nsm.plots.presets",
    "COLORS": "nsm.plots.style",
    "COLUMN": "nsm.plots.style",
    "LINES": "nsm.plots.style",
    "MARKERS": "nsm.plots.style",
    "NETWORK_PLACES": "nsm.plots.style",
    "STYLE": "nsm.plots.style",
    "dark_theme": "nsm.plots.style",
    "figure": "nsm.plots.style",
    "legend_above": "nsm.plots.style",
    "save_figure": "nsm.plots.style",
    "style_of": "nsm.plots.style",
    "styled": "nsm.plots.style",
    "facet_error_rate": "nsm.plots.sweeps",
    "plot_error_rate": "nsm.plots.sweeps",
    "separate_tick_labels": "nsm.plots.ticks",
    "tolerated": "nsm.plots.crossing",
    "plot_tolerance_map": "nsm.plots.tolerances",
    "plot_tolerances": "nsm.plots.tolerances",
    "plot_over_rotation": "nsm.plots.uncertainty",
    "plot_reliability": "nsm.plots.uncertainty",
    "plot_tile_map": "nsm.plots.wires",
    "plot_wire_loss": "nsm.plots.wires",
    "AXIS_LABELS": "nsm.sweeps.axis_labels",
}
__all__ = list(_EXPORTS)
__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
