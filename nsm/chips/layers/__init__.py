"""The layers of a chip: on tiles with their read-outs, composites of them, and digital ones."""
