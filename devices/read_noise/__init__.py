"""Read noise: the random factor between a cell's programmed conductance and what one read sees."""
