"""Reads: how noisy reads of an array are drawn, by the fastest strategy that is exact."""
