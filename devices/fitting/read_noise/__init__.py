"""Read noise of traces: white noise, 1/f noise and telegraph steps."""
