"""The `nsm` command: train, map, sweep, plot, report, demo, presets."""
