"""The verdict: how much of each non-ideality a network tolerates on a hardware, and what to fix."""
