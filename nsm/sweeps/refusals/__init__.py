"""What a sweep refuses before any work: axes without effect, and points that no chip could be."""
