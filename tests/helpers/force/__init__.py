"""Wrong values for every argument of the public functions and classes, and what came of them."""
