"""The `nsm` command: train, map, sweep, merge, plot, demo, presets."""
