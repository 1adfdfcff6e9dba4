"""Titles, with units, of the axes that are swept most often."""

#: Title of an axis by its name: a dotted path into `Hardware`, or one of
#: `nsm.sweeps.axes.ON_CHIP`. Mathematics stands between dollar signs, as in matplotlib.
AXIS_LABELS = {
    "gain": "common-mode gain of all conductances",
    "reprogrammed_scale": "weight scale, reprogrammed over the same range",
    "seconds": "age after programming [s]",
    "compensation": "compensation, one factor per",
    "device.levels": "conductance levels per cell",
    "device.g_min": "$g_{min}$ [S]",
    "device.g_max": "$g_{max}$ [S]",
    "device.on_off_ratio": "on/off ratio $g_{max}/g_{min}$",
    "device.write.error_factor": "programming error [× published]",
    "device.read_noise.sigma": "relative read noise σ(G)/G",
    "device.read_noise.coefficient": "relative read noise σ(G)/G at $g_{ref}$",
    "device.read_noise.gamma": "exponent γ of read noise, σ(G) ∝ G$^γ$",
    "comparator.offset": "comparator offset, s.d. [A]",
    "comparator.noise": "comparator noise, s.d. [A]",
    "gate.p": "probability p that a gate conducts",
    "adc.bits": "bits of the converters",
    "gate_sharing": "one gate per",
    "gate.read_voltage": "read voltage of the selectors [V]",
    "gate.spread": "spread of thresholds between devices [σ of a cycle]",
    "gate.correlation": "correlation of consecutive thresholds",
    "gate.leak": "conductance of a blocking gate over that of a conducting one",
    "temperature": "temperature [K]",
    "device.retention.common_factor": "common part of drift [× published]",
    "device.retention.spread_factor": "spread of drift between cells [× published]",
    "wires.r_row": "word-line resistance [Ω per segment]",
    "wires.r_col": "bit-line resistance [Ω per segment]",
    "tile_shape": "tile (word lines, bit lines)",
}
