"""The `nsm` command: train, map, sweep, plot, demo, presets."""
