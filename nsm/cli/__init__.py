"""The `nsm` command: train, map, tolerance, sweep, merge, plot, report, demo, presets."""
