"""Training of networks in software, and the data-dependent initialization before it."""
