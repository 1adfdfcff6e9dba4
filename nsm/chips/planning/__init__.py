"""From a network of torch to the plan of a chip: what goes on tiles, checked before programming."""
