"""Arrays of cells: programmed tiles, tiles joined to matrices, and layers of neurons on them."""
