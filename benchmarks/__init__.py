"""Speed, always as a ratio to a named reference in the same run: `make bench`, or `python -m benchmarks`."""
