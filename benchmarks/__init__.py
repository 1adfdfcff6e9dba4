"""Benchmarks of speed and memory, as ratios to a named reference in the same run.

`make bench`, or `python -m benchmarks`, runs all of them.
"""
