"""Figures of measurements beside the models that were fitted to them."""
