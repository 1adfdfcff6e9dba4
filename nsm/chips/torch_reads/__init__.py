"""Reads of chips in torch, on any device: layers on tiles with gates that a fused kernel draws."""
