"""Telegraph noise of one trace: a hidden Markov model, and its choice."""
