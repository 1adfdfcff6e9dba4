"""Networks in software: layers, training rules, architectures, files, inference."""
