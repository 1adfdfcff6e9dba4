"""The `nsm` command: train, map, sweep, merge, plot, report, demo, presets."""
