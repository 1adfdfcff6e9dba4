"""Energy, time and area of reads and of programming: constants, circuits, arrays."""
