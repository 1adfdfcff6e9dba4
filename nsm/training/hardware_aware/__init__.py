"""Training in software of networks as a chip would compute them."""
