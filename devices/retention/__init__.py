"""Retention: how programmed conductances change with time."""
