"""Training of networks in software: the loop, its recipe and checkpoints, data-dependent initialization, augmentation."""
