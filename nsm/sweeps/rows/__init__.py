"""Files of rows, what made them, and the statistics of their counts."""
