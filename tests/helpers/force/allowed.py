"""Values that are right although they look wrong: patterns of "name.argument", and what they take.

What the annotation of an argument allows (None, a number, a truth value, a text, a seed) needs no
entry.
"""

_TEXTS = {"no text", "a long text"}
_FILES = {"a text", "a path"}
#: Truth values of images, and of inputs of arrays, count as 1 and 0.
_IMAGES = {"of truth values"}
_MISSING = {"with NaN"}  # measured values that are missing
_NEGATIVE = {"-1", "-1 inside"}

ALLOWED = {
    # Texts that are kept as they are.
    "devices.Preset.*": _TEXTS,
    "devices.Device.reference": _TEXTS,
    "*.note": _TEXTS,
    "*.citation": _TEXTS,
    "*.technology": _TEXTS,
    "*.conditions": _TEXTS,
    "crossbar.NeuronArray.program.name": _TEXTS,
    "nsm.Task.network": _TEXTS,
    "nsm.load_weights.prefix": {"no text"},
    "nsm.read_measurement.sheet": {"a text"},
    # Files that are written; "" is no checkpoint.
    "nsm.save*.path": _FILES,
    "nsm.MappedNetwork.save.path": _FILES,
    "nsm.collect.save_to": _FILES,
    "nsm.merge_rows.out": _FILES,
    "nsm.*.checkpoint": {*_FILES, "no text"},
    # Numbers of either sign.
    "devices.ClippedLog.intercept": _NEGATIVE,
    "devices.ClippedLog.slope": _NEGATIVE,
    "devices.CurrentVoltage.*": _NEGATIVE,
    "devices.DomainWrite.v_gate": _NEGATIVE,
    "devices.ExpStepPulses.[abg]*": _NEGATIVE,
    "devices.FeFet.vth0": _NEGATIVE,
    "devices.LinearPulses.decrease_*": _NEGATIVE,
    "devices.MetallicTemperature.alpha": _NEGATIVE,
    "devices.NonlinearPulses.nl_*": _NEGATIVE,
    "devices.PowerLawNoise.gamma": _NEGATIVE,
    "devices.RelaxationProcess.mean": _NEGATIVE,
    "devices.StochasticSelector.z": _NEGATIVE,
    "devices.WritePulses.voltage_*": _NEGATIVE,
    "devices.*Pulses.w_min": _NEGATIVE,
    "nsm.Binarize.threshold": _NEGATIVE,
    "nsm.Range.*": _NEGATIVE,
    "nsm.Thermometer.low": _NEGATIVE,
    # Other numbers, and arrays of any shape that fits, of closed forms.
    "nsm.theory.*": {
        "1.5", "a list", "a list inside", "a number in an array", "a number in a tensor",
        "of another shape", "a ragged list",
    },
    "nsm.theory.*.[abuwz]": _NEGATIVE,
    "nsm.theory.*.*mean": _NEGATIVE,
    "nsm.theory.*.norm": _NEGATIVE,
    "nsm.theory.*.beta": _NEGATIVE,
    "nsm.theory.*.gamma": _NEGATIVE,
    "nsm.theory.*.correlation": _NEGATIVE,
    "nsm.theory.*.amplitude": _NEGATIVE,
    "nsm.theory.*.factor": _NEGATIVE,  # the mean of one
    "nsm.theory.*.cell": _NEGATIVE,
    "nsm.theory.*.gate": _NEGATIVE,
    "nsm.uncertainty.*.degrees": _NEGATIVE,
    "nsm.uncertainty.shifted.*": _NEGATIVE,
    "nsm.uncertainty.auroc.*": _NEGATIVE,
    "nsm.sweeps.read_sidecar.rows": {*_FILES, "a long text"},  # files that need not exist
    "nsm.uncertainty.over_rotation.draw": {"a class"},
    "devices.with_on_off_ratio.ratio": {"infinity"},  # g_min = 0
    "crossbar.Wires.compensated.g_*": {"1.5"},
    "nsm.*lr": {"2**63"},  # that it diverges is told by the training
    "nsm.fit.weight_decay": {"2**63"},
    # Arrays.
    "devices.fit_*": _MISSING,
    "devices.active_segments.trace": _MISSING,
    "devices.Bake.*": _MISSING,
    "devices.FaultMap.g_*": {"a table", "NaN in an array", "with NaN"},
    "crossbar.*.x": _IMAGES,
    "nsm.*.x": _IMAGES,
    "nsm.*.images": {*_IMAGES, "None"},
    "nsm.BinarizePerPixel.of_median.images": {"of another shape"},
    # Empty lists and tables that stand for none.
    "devices.Tabulated*.mean": {"a list"},
    "nsm.load*.classes": {"a list"},
    "nsm.grid.axes": {"a table"},
    "nsm.grid.zipped": {"a list"},
    "nsm.Task.parameters": {"a table"},
    "nsm.plot_error_rate.software": {"a table"},
    "nsm.read_measurement.cell": {"a list"},
    "nsm.read_measurement.columns": {"a table"},
    "nsm.read_measurement.unit": {"a table"},
    # Figures.
    "nsm.plots.conditions.recipe": _TEXTS,
    "nsm.plots.conditions.test": _TEXTS,
    "nsm.plots.conditions.values": {  # those of any axis
        "a ragged list", "a masked array", "NaN in an array", "texts in an array",
        "truth values in an array", "* inside",
    },
    "nsm.plots.note_*.lines": {"a list", "texts in an array", "a text inside"},
    "nsm.plots.preset_table.presets": {"a list"},
    "nsm.plots.save_*.path": _FILES,
    "nsm.plots.facet_error_rate.software": {"a table"},
    "nsm.plots.tolerated.nominal": _NEGATIVE,
    "nsm.learning.MixedPrecision.step": {"2**63"},
    "nsm.learning.learn_on_devices.save_to": _FILES,
    # None without an annotation that says so.
    "nsm.*.calibrate": {"None"},
    "nsm.*.executor": {"None"},
    "nsm.*.example": {"None"},
    "nsm.fit_measurement*.process": {"None"},
    "nsm.learn.settings.rule": {"None"},
    "nsm.learn.settings.gradient": {"None"},
    # What users give to be called: a class is, and its own errors are the user's.
    "nsm.fit.augment": {"a class"},
    "nsm.fit.measure": {"a class"},
    "nsm.tolerances.on_result": {"a class", "a function"},
}  # fmt: skip
