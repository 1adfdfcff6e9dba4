"""What identifies a point of a sweep: canonical bytes of its values, and hashes of networks."""
