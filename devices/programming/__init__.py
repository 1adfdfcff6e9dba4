"""Programming: how far a cell's conductance lands from the target it was programmed to."""
